/// Reads a JSON array of objects element by element, as the reference implementation writes its data.
///
/// Only brackets and quotes are followed here; each element's own syntax is checked when it is complete, so a broken
/// element costs that element as long as its brackets close.
final class ElementReader {
  private let input: InputFile
  private let longestLine: Int
  private var isFirst = true
  private var isDone = false

  /// A reader behind the opening bracket, or nil, with white space passed over, if the file does not begin with one.
  /// - Parameter longestLine: the longest element in bytes; a longer one is passed over without being held.
  init?(ifArray input: InputFile, longestLine: Int) throws(FileError) {
    self.input = input
    self.longestLine = longestLine
    guard try input.skipWhitespace() == UInt8(ascii: "[") else { return nil }
    input.advance()
  }

  /// The next element; nil behind the closing bracket.
  func next(file: String?) throws(FileError) -> RecordLine? {
    if isDone { return nil }
    var byte = try input.skipWhitespace()
    if byte == UInt8(ascii: "]") {
      input.advance()
      return try trailer(file: file)
    }
    if !isFirst {
      guard byte == UInt8(ascii: ",") else { return failure(byte, "',' or ']'", file: file) }
      input.advance()
      byte = try input.skipWhitespace()
    }
    isFirst = false
    guard byte != nil, byte != UInt8(ascii: ","), byte != UInt8(ascii: "]") else {
      return failure(byte, "an object", file: file)
    }
    return try element(file: file)
  }

  /// Takes bytes up to the comma or bracket that ends the element.
  private func element(file: String?) throws(FileError) -> RecordLine {
    let number = input.line
    var bytes: [UInt8] = []
    var isTooLong = false
    func keep(_ byte: UInt8) {
      if bytes.count >= longestLine {
        isTooLong = true
        bytes = []
      }
      if !isTooLong { bytes.append(byte) }
    }
    var depth = 0
    var isInString = false
    while let byte = try input.peek() {
      if isInString {
        if byte == UInt8(ascii: "\"") { isInString = false }
        if byte == UInt8(ascii: "\\") {
          keep(byte)
          input.advance()
          guard let escaped = try input.next() else { break }
          keep(escaped)
          continue
        }
      } else {
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: ",") where depth <= 0, UInt8(ascii: "]") where depth <= 0:
          let record = isTooLong ? .failure(.tooLong(longestLine)) : RecordReader.record(bytes)
          return RecordLine(file: file, number: number, bytes: Self.flattened(bytes), record: record)
        case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
        default: break
        }
      }
      keep(byte)
      input.advance()
    }
    var record = RecordReader.record(bytes)
    if case .failure = record {
      isDone = true
      record = .failure(RecordError("the last line is torn: the file ends inside an element of its array"))
    }
    return RecordLine(file: file, number: number, bytes: Self.flattened(bytes), record: record)
  }

  /// What stands behind the array: nothing, or an error.
  private func trailer(file: String?) throws(FileError) -> RecordLine? {
    isDone = true
    guard let byte = try input.skipWhitespace() else { return nil }
    return failure(byte, "the end of the file behind its array", file: file)
  }

  private func failure(_ byte: UInt8?, _ expected: String, file: String?) -> RecordLine {
    isDone = true
    let bytes = byte.map { [$0] } ?? []
    let error =
      byte == nil
      ? RecordError("the last line is torn: the file ends where \(expected) is expected")
      : RecordError("not JSON: found '\(String(decoding: bytes, as: UTF8.self))' where \(expected) is expected")
    return RecordLine(file: file, number: input.line, bytes: bytes, record: .failure(error))
  }

  /// The element on one line: line breaks become spaces, and white space at the ends goes.
  private static func flattened(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for index in bytes.indices where bytes[index] == 0x0A || bytes[index] == 0x0D { bytes[index] = 0x20 }
    while bytes.last == 0x20 { bytes.removeLast() }
    return bytes
  }
}
