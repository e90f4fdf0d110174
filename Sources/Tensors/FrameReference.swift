import Records

/// Where a frame lies: what a record carries under `scores` or `loss`.
public struct FrameReference: Sendable, Equatable, CustomStringConvertible {
  /// Path of the archive, relative to the working directory.
  public let archive: String
  /// Offset of the frame's first byte in the archive.
  public let offset: Int
  /// Length of the frame.
  public let bytes: Int

  /// A reference to `bytes` bytes at `offset` of `archive`.
  public init(archive: String, offset: Int, bytes: Int) {
    self.archive = archive
    self.offset = offset
    self.bytes = bytes
  }

  /// Reads `{"archive":"path","offset":n,"bytes":n}`; further members are passed over.
  /// - Parameter field: the record's field, for errors.
  /// - Throws: `TensorError` with the field and what was found.
  public init(json: JSON, field: String) throws(TensorError) {
    func failure(_ reason: String) -> TensorError { TensorError(source: "field \"\(field)\"", reason) }
    guard json.members != nil else {
      throw failure("is \(json.kind), expected an object of archive, offset and bytes")
    }
    guard let archive = json["archive"]?.string, !archive.isEmpty, !archive.utf8.contains(0) else {
      throw failure("\"archive\" is not a path")
    }
    guard let offset = json["offset"]?.integer, offset >= 0 else { throw failure("\"offset\" is not an offset") }
    guard let bytes = json["bytes"]?.integer, bytes > 0 else { throw failure("\"bytes\" is not a length") }
    guard !offset.addingReportingOverflow(bytes).overflow else {
      throw failure("offset \(offset) and length \(bytes) are beyond any file")
    }
    self.init(archive: archive, offset: offset, bytes: bytes)
  }

  /// The reference as a record carries it.
  public var json: JSON { json(adding: .object([])) }

  /// The reference with the members of `object` behind it, for counts that are read by eye.
  public func json(adding object: JSON) -> JSON {
    .object(
      [
        JSON.Member("archive", .string(archive)), JSON.Member("offset", .integer(offset)),
        JSON.Member("bytes", .integer(bytes)),
      ] + (object.members ?? []))
  }

  /// Archive and offset, for errors.
  public var description: String { "\(archive) at offset \(offset)" }
}
