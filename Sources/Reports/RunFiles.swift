#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Records

/// Why a run cannot be reported on.
public struct ReportError: Error, Sendable, CustomStringConvertible {
  /// What is wrong, on one line, and with which file.
  public let description: String

  package init(_ description: String) { self.description = description }
}

/// Reads what a recipe leaves in its work folder. A file that is not there is no error: the page says so.
package enum RunFiles {
  /// A JSON file, or nil if there is none.
  package static func json(_ path: String) throws -> JSON? {
    guard let bytes = try WholeFile.bytesIfPresent(path, limit: 1 << 26) else { return nil }
    do { return try JSON(parsing: bytes) } catch { throw ReportError("\(path): \(error)") }
  }

  /// A small text file without the white space at its ends, or nil if there is none.
  package static func text(_ path: String) throws -> String? {
    guard let bytes = try WholeFile.bytesIfPresent(path, limit: 1 << 26) else { return nil }
    let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
    var text = bytes.drop(while: isSpace)
    while let last = text.last, isSpace(last) { text.removeLast() }
    return String(decoding: text, as: UTF8.self)
  }

  /// Gives each record of a file to `take`; an error names the file and line.
  /// - Returns: whether the file is there.
  package static func records(_ path: String, _ take: (Record) throws -> Void) throws -> Bool {
    guard size(path) != nil else { return false }
    let reader = try RecordReader(paths: [path])
    while let line = try reader.next() {
      do { try take(line.record.get()) } catch let error as FileError {
        throw error
      } catch {
        throw ReportError("\(path): line \(line.number): \(error)")
      }
    }
    return true
  }

  /// The first record of a file, or nil if there is none.
  package static func firstRecord(_ path: String) throws -> Record? {
    guard size(path) != nil else { return nil }
    return try RecordReader(paths: [path]).next().flatMap { try? $0.record.get() }
  }

  /// What is in a folder, sorted; nothing if it is not there.
  package static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Bytes of a file, or nil if there is none.
  package static func size(_ path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : nil
  }

  /// When a file was written, in seconds since 1970.
  package static func modified(_ path: String) -> Int? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    #if canImport(Darwin)
      return status.st_mtimespec.tv_sec
    #else
      return status.st_mtim.tv_sec
    #endif
  }
}
