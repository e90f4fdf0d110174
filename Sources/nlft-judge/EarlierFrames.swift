import Records
import Tensors

/// The frames that the lines of an earlier run name: they stay, and the next one follows them.
struct EarlierFrames {
  private let archive: String
  private let origin: FrameOrigin
  private let reader = ArchiveReader()
  /// Where the last of them ends.
  private(set) var end = 0

  /// No frames yet.
  /// - Parameters:
  ///   - archive: the archive that is to be gone on with.
  ///   - origin: what the next frames will be made with.
  init(archive: String, origin: FrameOrigin) {
    self.archive = archive
    self.origin = origin
  }

  /// Takes a line's frame.
  /// - Throws: `RecordError` or `TensorError` if it is not there whole, lies in another archive, or was made for another
  ///   record or with something else.
  mutating func admit(_ record: Record) throws {
    guard let scores = record["scores"] else { throw RecordError(missing: "scores") }
    let reference = try FrameReference(json: scores, field: "scores")
    guard reference.archive == archive else {
      throw RecordError("its scores are in \(reference.archive), expected \(archive)")
    }
    let frame = FrameOrigin(metadata: try reader.read(reference).metadata)
    if let reason = frame.contradiction(with: origin) { throw TensorError(source: "\(reference)", reason) }
    if let id = frame.id, id != record.idText {
      throw RecordError("\(reference): the frame is of id \"\(id)\"")
    }
    end = max(end, reference.offset + reference.bytes)
  }
}
