import Records
import Saliency

/// What a page starts from: the method and its constants, the presets of all methods, and the command line's files.
public struct MapSettings: Sendable {
  /// Method, constants and shuffling.
  public var builder: LossBuilder
  /// The files as they were named; none is stdin.
  public var files: [String]
  /// The archive for the losses, if one is written.
  public var archive: String?
  /// The model whose tokenizer gave the texts.
  public var model: String?
  /// The version of the tools.
  public var version: String

  /// Settings from their parts.
  public init(builder: LossBuilder, files: [String], archive: String?, model: String?, version: String) {
    self.builder = builder
    self.files = files
    self.archive = archive
    self.model = model
    self.version = version
  }

  /// For which cluster limits the page's records are.
  public var limits: ClusterLimits { ClusterLimits(given: builder.constants.clusterLimit) }

  var json: JSON {
    func options(_ constants: SaliencyConstants, _ method: LossMethod) -> JSON {
      .object(constants.options(of: method).map { JSON.Member($0.option, .string($0.value)) })
    }
    return .object([
      "version": .string(version), "method": .string(builder.method.rawValue),
      "constants": options(builder.constants, builder.method),
      "presets": .object(LossMethod.allCases.map { JSON.Member($0.rawValue, options($0.preset, $0)) }),
      "shuffling": builder.shuffling.map { .string("\($0)") } ?? .null,
      "files": .array(files.map { .string($0) }), "archive": archive.map { .string($0) } ?? .null,
      "model": model.map { .string($0) } ?? .null,
      "stepsPerUnit": .integer(ClusterLimits.stepsPerUnit),
      "clusterLimit": .double(builder.constants.clusterLimit),
    ])
  }
}
