import Records
import Tensors

/// A frame of an archive, whatever is in it.
public struct InspectedFrame: Sendable {
  /// What a frame turned out to be.
  public enum Content: Sendable {
    /// Scores of a response.
    case scores(ScoresFrame)
    /// A loss.
    case loss(LossFrame)
    /// Something else, and why it is none of these.
    case other(reason: String)
  }

  /// The record's field that names it; nil if it was found in its archive.
  public let field: String?
  /// Where it lies.
  public let reference: FrameReference
  /// The whole frame.
  public let file: TensorFile
  /// What it is.
  public let content: Content

  /// Takes a frame for what its tensors' names say.
  public init(field: String? = nil, reference: FrameReference, file: TensorFile) {
    self.field = field
    self.reference = reference
    self.file = file
    do throws(TensorError) {
      if file["sequence.0.tokens"] != nil {
        content = .loss(try LossFrame(parsing: file, source: ""))
      } else if file["tokens"] != nil {
        content = .scores(try ScoresFrame(parsing: file, source: "", readsHidden: false))
      } else {
        content = .other(reason: "neither \"tokens\" nor \"sequence.0.tokens\" is there")
      }
    } catch { content = .other(reason: error.reason) }
  }

  /// Reads every frame that a record names: under `scores`, `loss`, and under any other field that is such a reference.
  /// - Throws: `TensorError` or `RecordError` if one cannot be read, or says that it belongs to another record.
  public static func frames(of record: Record, archives: ArchiveReader) throws -> [InspectedFrame] {
    let fields = ["scores", "loss"] + record.keys.filter { !["scores", "loss", "tokens"].contains($0) }
    return try fields.compactMap { field in
      guard let value = record[field], !value.isNull else { return nil }
      if field != "scores", field != "loss", value["archive"] == nil || value["offset"] == nil { return nil }
      let reference = try FrameReference(json: value, field: field)
      let frame = InspectedFrame(field: field, reference: reference, file: try archives.read(reference))
      if let named = frame.origin.id, named != record.idText {
        throw RecordError("\(reference): the frame is of id \"\(named)\"")
      }
      return frame
    }
  }

  /// The record and what computed the frame, as far as it says so.
  public var origin: FrameOrigin { FrameOrigin(metadata: file.metadata) }

  /// `logprob.…` for each token: what a scores frame holds, those of other prompts than the usual ones too.
  var logProbabilities: [(prompt: String, values: [Float])] {
    guard case .scores(let scores) = content else { return [] }
    let usual = ["base", "standard", "judge"].map { "logprob." + $0 }
    let others = file.names.filter { $0.hasPrefix("logprob.") && !usual.contains($0) }
    return (usual + others).compactMap { name in
      guard let tensor = file[name], tensor.shape == [scores.tokens.count], let values = try? tensor.floats() else {
        return nil
      }
      return (String(name.dropFirst("logprob.".count)), values)
    }
  }

  /// The tensors that the tables of responses and sequences do not show.
  var otherTensors: [TensorSummary] {
    let shown: Set<String> =
      switch content {
      case .scores: Set(["tokens"] + logProbabilities.map { "logprob." + $0.prompt })
      case .loss(let loss):
        Set(
          loss.sequences.indices.flatMap { index in
            ["tokens", "positions", "targets", "likelihood", "unlikelihood"].map { "sequence.\(index).\($0)" }
          })
      case .other: []
      }
    return file.names.filter { !shown.contains($0) }.sorted()
      .compactMap { name in file[name].map { TensorSummary(name: name, $0) } }
  }

  /// What the frame is, where it lies, what it says of itself, and the tensors that no table shows.
  var text: String {
    let name = field ?? "frame"
    var lines = ["\(name): \(VisibleText.ofLine(reference.description)), \(reference.bytes) bytes"]
    if case .other(let reason) = content {
      lines[0] += ["scores", "loss"].contains(name) ? ": not what belongs there: " : ": neither scores nor a loss: "
      lines[0] += VisibleText.ofLine(reason)
    }
    for (key, value) in file.metadata.sorted(by: { $0.key < $1.key }) {
      lines.append("  \(VisibleText.ofLine(key)) \(VisibleText.ofLine(value))")
    }
    var table = TextTable([("", .left), ("", .left), ("", .left)])
    let tensors = otherTensors
    for tensor in tensors { table.append(["  " + VisibleText.ofLine(tensor.name), tensor.kind, tensor.values]) }
    return lines.joined(separator: "\n") + "\n" + (tensors.isEmpty ? "" : String(table.text.drop { $0 == "\n" }))
  }

  /// The same, and all tensors, as one line of JSON.
  func json(id: JSON) -> JSON {
    let metadata = file.metadata.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .string($0.value)) }
    let tensors = file.names.sorted().compactMap { name in file[name].map { TensorSummary(name: name, $0).json } }
    return .object([
      "id": id, "frame": field.map { .string($0) } ?? .null, "archive": .string(reference.archive),
      "offset": .integer(reference.offset), "bytes": .integer(reference.bytes), "metadata": .object(metadata),
      "tensors": .array(tensors),
    ])
  }
}
