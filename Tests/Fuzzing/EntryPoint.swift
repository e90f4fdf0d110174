#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The target that `NLFT_FUZZ_TARGET` names. libFuzzer has its own idea of a command line.
private let current: FuzzTarget = {
  let name = getenv("NLFT_FUZZ_TARGET").map { String(cString: $0) } ?? ""
  guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
    fatalError("NLFT_FUZZ_TARGET is \"\(name)\", expected one of \(FuzzTarget.all.map(\.name))")
  }
  return target
}()

/// Called by libFuzzer for each input (https://llvm.org/docs/LibFuzzer.html).
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  current.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
  return 0
}

/// Called by libFuzzer before anything else. With `NLFT_FUZZ_SEEDS`, a folder, all targets' seeds are written there
/// and nothing is tried; the names and the longest inputs go to stdout.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
  _ count: UnsafeMutablePointer<Int32>?,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>?
) -> Int32 {
  guard let folder = getenv("NLFT_FUZZ_SEEDS").map({ String(cString: $0) }) else { return 0 }
  for target in FuzzTarget.all {
    print(target.name, target.longest)
    let path = folder + "/" + target.name
    mkdir(path, 0o777)
    do {
      for (index, seed) in try target.seeds().enumerated() { ScratchFile.write(seed, to: path + "/seed-\(index)") }
    } catch {
      fatalError("the seeds of \(target.name): \(error)")
    }
  }
  exit(0)
}
