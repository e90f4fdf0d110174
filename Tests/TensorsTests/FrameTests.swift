import Tensors
import Testing

@Suite struct FrameTests {
  static let origin = FrameOrigin(id: "a7", model: "0123", tokenizer: "4567")
  static let scores = ScoresFrame(
    origin: origin, tokens: [5, 6, 7], base: [-1, -2, -0.5], standard: [-3, -0.25, 0], judge: nil,
    hidden: ScoresFrame.Hidden(values: [1, 2, 3, 4, 5, 6], dimension: 2))
  static let loss = LossFrame(
    origin: origin,
    sequences: [
      LossSequence(
        tokens: [1, 2, 5, 6], positions: [1, 2], targets: [5, 6], likelihood: [0.5, 0], unlikelihood: [0, 2]),
      LossSequence(tokens: [1, 9, 5, 6], positions: [3], targets: [6], likelihood: [1], unlikelihood: [0]),
    ],
    classes: [.plain, .salient])

  @Test func scoresComeBack() throws {
    let bytes = Self.scores.file.encoded()
    #expect(try ScoresFrame(parsing: TensorFile(parsing: bytes, source: ""), source: "") == Self.scores)
    let file = Self.scores.file
    #expect(Set(file.names) == ["tokens", "logprob.base", "logprob.standard", "hidden.base"])
    #expect(file.metadata == ["id": "a7", "model": "0123", "tokenizer": "4567"])
    #expect(file["hidden.base"]?.shape == [3, 2])
    var half = Self.scores
    half.hidden?.isHalf = true
    #expect(half.file["hidden.base"]?.elementType == .float16)
    #expect(try ScoresFrame(parsing: half.file, source: "") == half)
  }

  @Test func scoresOfAnotherShapeAreRefused() throws {
    func reason(_ change: (inout TensorFile) -> Void) throws -> String {
      var file = Self.scores.file
      change(&file)
      return try #require(throws: TensorError.self) { try ScoresFrame(parsing: file, source: "s.zst at offset 3") }
        .description
    }
    let source = "s.zst at offset 3: "
    #expect(try reason { $0["tokens"] = nil } == source + "has no \"tokens\": not a scores frame")
    #expect(
      try reason { $0["tokens"] = Tensor([1, 2, 3] as [Float]) }
        == source + "\"tokens\": the elements are F32, expected I32")
    #expect(
      try reason { $0["logprob.base"] = Tensor([1] as [Float]) }
        == source + "\"logprob.base\" has 1 elements, expected 3")
    #expect(
      try reason { $0["logprob.judge"] = Tensor([1, 2, 3] as [Float], shape: [3, 1]) }
        == source + "\"logprob.judge\" has shape [3, 1], expected one dimension")
    #expect(
      try reason { $0["hidden.base"] = Tensor([1, 2] as [Float], shape: [1, 2]) }
        == source + "\"hidden.base\" has shape [1, 2], expected [3, width of the model]")
    #expect(
      try reason { $0["hidden.base"] = Tensor([1, 2, 3] as [Int32], shape: [3, 1]) }
        == source + "\"hidden.base\": the elements are I32, expected F32, F16, BF16 or F64")
  }

  @Test func lossesComeBack() throws {
    let bytes = Self.loss.file.encoded()
    #expect(try LossFrame(parsing: TensorFile(parsing: bytes, source: ""), source: "") == Self.loss)
    #expect(
      Self.loss.summary.text
        == #"{"tokens":2,"salient":1,"cluster":0,"plain":1,"likelihood":1.5,"unlikelihood":2.0}"#)
    var unclassified = Self.loss.file
    unclassified["classes"] = nil
    unclassified["a user's own"] = Tensor([1] as [Float])
    #expect(try LossFrame(parsing: unclassified, source: "").classes == nil)
  }

  @Test(
    arguments: [
      ("sequence.0.tokens", nil, "has no \"sequence.0.tokens\": not a loss frame"),
      ("sequence.1.tokens", nil, "\"sequence.1.positions\" belongs to none of the 1 sequences"),
      ("sequence.0.targets", nil, "\"sequence.0.targets\" is missing"),
      ("sequence.0.likelihood", nil, "\"sequence.0.likelihood\" is missing"),
      ("sequence.0.spare", Tensor([1] as [Float]), "\"sequence.0.spare\" belongs to none of the 2 sequences"),
      ("sequence.0.positions", Tensor([1, 4] as [Int32]), "\"sequence.0.positions\" has 4, outside the 4 tokens"),
      ("sequence.0.positions", Tensor([-1, 2] as [Int32]), "\"sequence.0.positions\" has -1, outside the 4 tokens"),
      ("sequence.0.positions", Tensor([1] as [Int32]), "\"sequence.0.targets\" has 2 elements, expected 1"),
      ("sequence.0.targets", Tensor([5, -6] as [Int32]), "\"sequence.0.targets\" has the token -6"),
      ("sequence.0.tokens", Tensor([1, -2, 3, 4] as [Int32]), "\"sequence.0.tokens\" has the token -2"),
      ("sequence.1.likelihood", Tensor([.nan] as [Float]), "\"sequence.1.likelihood\" has nan at 0"),
      ("sequence.0.unlikelihood", Tensor([0, .infinity] as [Float]), "\"sequence.0.unlikelihood\" has inf at 1"),
      ("sequence.0.unlikelihood", Tensor([0] as [Float]), "\"sequence.0.unlikelihood\" has 1 elements, expected 2"),
      ("classes", Tensor([0, 3] as [UInt8]), "\"classes\" has 3, expected 0, 1 or 2"),
    ] as [(String, Tensor?, String)])
  func lossesThatContradictThemselvesAreRefused(name: String, tensor: Tensor?, reason: String) {
    var file = Self.loss.file
    file[name] = tensor
    #expect(throws: TensorError(source: "l.zst at offset 9", reason)) {
      try LossFrame(parsing: file, source: "l.zst at offset 9")
    }
  }

  @Test func originsThatContradict() throws {
    #expect(FrameOrigin(metadata: Self.origin.metadata) == Self.origin)
    #expect(Self.origin.contradiction(with: FrameOrigin(id: "b", adapter: "x")) == nil)
    #expect(
      Self.origin.contradiction(with: FrameOrigin(tokenizer: "9"))
        == "made with another tokenizer: fingerprint 4567, expected 9")
    var agreement = FrameAgreement()
    try agreement.admit(FrameOrigin(model: "1"), source: "one")
    try agreement.admit(FrameOrigin(adapter: "2"), source: "two")
    try agreement.admit(FrameOrigin(), source: "three")
    #expect(throws: TensorError(source: "four", "made with another adapter: fingerprint 3, expected 2")) {
      try agreement.admit(FrameOrigin(model: "1", adapter: "3"), source: "four")
    }
  }
}
