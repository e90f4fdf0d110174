import Tensors

extension FuzzTarget {
  private static let origin = FrameOrigin(id: "a", model: "m", adapter: "a", tokenizer: "t", prompts: "p")

  private static let scores = ScoresFrame(
    origin: origin, tokens: [1, 2], base: [-1, -2], standard: [-1, -0.5], judge: [-3, -4],
    hidden: ScoresFrame.Hidden(values: [1, 2, 3, 4], dimension: 2, isHalf: true))

  private static let loss = LossFrame(
    origin: origin,
    sequences: [
      LossSequence(
        tokens: [1, 2, 3], positions: [0, 1], targets: [2, 3], likelihood: [1, 0], unlikelihood: [0, 2]),
      LossSequence(tokens: [4], positions: [], targets: [], likelihood: [], unlikelihood: []),
    ],
    classes: [.plain, .salient], settings: "--method nlft")

  private static var files: [[UInt8]] {
    var plain = TensorFile(metadata: ["format": "pt"])
    plain["b"] = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    plain["a"] = Tensor([7] as [UInt8], shape: [])
    return [scores.file.encoded(), loss.file.encoded(), plain.encoded(), TensorFile().encoded()]
  }

  /// Whole safetensors files, in memory and mapped, and the frames that they may be.
  static let safetensors = FuzzTarget(
    name: "safetensors", seeds: { files },
    read: { input in
      let mapped = Result { () throws(TensorError) in try MappedTensors(path: ScratchFile.write(input)) }
      let file = try TensorFile(parsing: input, source: "file")
      let tensors = try mapped.get()
      for name in tensors.names { require(try tensors.tensor(name) == file[name], "mapped, it is another tensor") }
      let again = try TensorFile(parsing: file.encoded(), source: "again")
      require(Set(again.names) == Set(file.names), "written, it is read as another file")
      for name in file.names { require(again[name] == file[name], "written, it is read as another tensor") }
      try readFrames(file)
    })

  /// Frames of an archive: after a first byte of 0 a frame as it stands, after another the content of a whole one.
  static let archive = FuzzTarget(
    name: "archive", seeds: { files.flatMap { [[0] + zstd($0), [1] + $0] } },
    read: { input in
      guard let first = input.first else { return }
      let rest = Array(input.dropFirst())
      let frame = first == 0 ? rest : zstd(rest)
      guard !frame.isEmpty else { return }
      let path = ScratchFile.write([9, 9] + frame + [9])
      let reference = FrameReference(archive: path, offset: 2, bytes: frame.count)
      try readFrames(ArchiveReader().read(reference))
    })

  private static func readFrames(_ file: TensorFile) throws {
    _ = try? ScoresFrame(parsing: file, source: "scores")
    _ = try? LossFrame(parsing: file, source: "loss").summary
    for name in file.names {
      guard let tensor = file[name] else { continue }
      _ = try? tensor.floats()
      _ = try? tensor.int32s()
    }
  }
}
