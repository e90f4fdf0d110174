import Inspection
import Records
import Tensors
import Testing
import Transformer

/// A record whose response is the tokens 7, 8 and 9 behind the prompt 1, 2.
@Suite struct RecordListingTests {
  private func record(_ more: String = "") throws -> Record {
    try Record(
      parsing: Array(#"{"id":"a","tokens":{"base":[1,2],"output":[7,8,9],"answer":[5]}\#(more)}"#.utf8))
  }

  private func frame(_ file: TensorFile, _ field: String?) -> InspectedFrame {
    InspectedFrame(field: field, reference: FrameReference(archive: "x.zst", offset: 3, bytes: 99), file: file)
  }

  private var scores: TensorFile {
    // Logarithms whose ratios are powers of e.
    var file = ScoresFrame(
      origin: FrameOrigin(id: "a", model: "m1"), tokens: [7, 8, 9], base: [-1, -2, -3], standard: [-1, -1, -3],
      judge: [-2, -0.5, -30],
      hidden: ScoresFrame.Hidden(values: [0.5, -1, 2, 3, 4, 5], dimension: 2)
    ).file
    file["logprob.other"] = Tensor([Float](repeating: -0.25, count: 3))
    return file
  }

  private var loss: TensorFile {
    LossFrame(
      origin: FrameOrigin(id: "a"),
      sequences: [
        LossSequence(
          tokens: [1, 2, 7, 8, 9], positions: [1, 3], targets: [7, 9], likelihood: [0.5, 0], unlikelihood: [0, 2]),
        LossSequence(tokens: [1, 2, 5], positions: [1], targets: [5], likelihood: [20], unlikelihood: [0]),
      ], classes: [.plain, .cluster, .salient], settings: "--method nlft"
    ).file
  }

  @Test func scoresAndLossInOneTable() throws {
    let record = try record(#","correct":false,"predicted":"5","expected":"4","finish":"stop","output":"a b\nc""#)
    let listing = try RecordListing(
      record, frames: [frame(scores, "scores"), frame(loss, "loss")], response: [7, 8, 9])
    #expect(
      try listing.text(nil) == """
        == "a": incorrect, predicted 5, expected 4, finish stop
        tokens: base 2, output 3, answer 1
        output: a b⏎c
        scores: x.zst at offset 3, 99 bytes
          id a
          model m1
          hidden.base  F32 [3, 2]  0.5 -1 2 3 4 5
        loss: x.zst at offset 3, 99 bytes
          id a
          settings --method nlft
          classes  U8 [3]  0 1 2

        place  token     base  standard     judge    other    s/b      j/b      j/s  class    likelihood  unlikelihood
            0      7  -1.0000   -1.0000   -2.0000  -0.2500  1.000    0.368    0.368  plain        0.5000
            1      8  -2.0000   -1.0000   -0.5000  -0.2500  2.718    4.482    1.649  cluster
            2      9  -3.0000   -3.0000  -30.0000  -0.2500  1.000  1.9e-12  1.9e-12  salient                    2.0000

        sequence 1 of the loss: 3 tokens, tokens.base + tokens.answer; weights at 1 places
        position  target  likelihood  unlikelihood
               1       5     20.0000


        """)
  }

  @Test func jsonHoldsTheSame() throws {
    var listing = try RecordListing(
      record(), frames: [frame(scores, "scores"), frame(loss, "loss")], response: [7, 8, 9])
    listing.setRankings(
      (0..<3).map { index in
        TokenRanking(
          candidates: [TokenRanking.Candidate(token: 4, logProbability: -0.125)], rank: index + 2, logProbability: -3)
      })
    let lines = try listing.jsonLines(nil).split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
    #expect(lines.count == 2 + 3 + 1)
    #expect(lines.allSatisfy { $0["id"] == .string("a") })
    #expect(lines[0]["frame"] == .string("scores") && lines[0]["offset"] == .integer(3))
    #expect(lines[0]["metadata"]?["model"] == .string("m1"))
    let tensors = try #require(lines[0]["tensors"]?.array)
    #expect(
      tensors.map { $0["name"]?.string } == [
        "hidden.base", "logprob.base", "logprob.judge", "logprob.other", "logprob.standard", "tokens",
      ])
    #expect(
      lines[4].text == """
        {"id":"a","place":2,"token":9,"logprob":{"base":-3.0,"standard":-3.0,"judge":-30.0,"other":-0.25},\
        "ratio":{"standard/base":1.0,"judge/base":\(1.8795288165390832e-12),"judge/standard":\(1.8795288165390832e-12)},\
        "class":"salient","likelihood":0.0,"unlikelihood":2.0,"rank":4,"logprob_now":-3.0,\
        "top":[{"token":4,"logprob":-0.125}]}
        """)
    #expect(lines[5].text == #"{"id":"a","sequence":1,"position":1,"target":5,"likelihood":20.0,"unlikelihood":0.0}"#)
  }

  @Test func scoresOfOtherTokensAreRefused() throws {
    #expect(throws: RecordError("x.zst at offset 3: has scores of other tokens than the response's")) {
      try RecordListing(record(), frames: [frame(scores, "scores")], response: [7, 8, 8])
    }
  }

  /// Whatever a script wrote is shown by type, shape and first values.
  @Test func strangeTensorsAreListed() throws {
    var file = TensorFile(metadata: ["note": "by\nhand"])
    file["tokens"] = Tensor([1, 2] as [Float])
    file["b"] = try Tensor(elementType: .int64, shape: [], bytes: [0xFE] + [UInt8](repeating: 0xFF, count: 7))
    file["f8"] = try Tensor(elementType: .float8E4M3, shape: [2], bytes: [0x38, 0x07])
    file["half"] = Tensor(float16: [0.5, .infinity])
    file["many"] = Tensor((0..<20).map { UInt8($0) }, shape: [4, 5])
    let listing = try RecordListing(frame(file, nil))
    #expect(
      try listing.text(nil) == """
        frame: x.zst at offset 3, 99 bytes: neither scores nor a loss: "tokens": the elements are F32, expected I32
          note by⏎hand
          b       I64 []       -2
          f8      F8_E4M3 [2]  0x38 0x07
          half    F16 [2]      0.5 inf
          many    U8 [4, 5]    0 1 2 3 4 5 6 7 …
          tokens  F32 [2]      1 2


        """)
    let line = try JSON(parsing: Array(listing.jsonLines(nil).utf8))
    #expect(line["frame"] == .null && line["id"] == .null)
    #expect(line["tensors"]?.array?[2]["first"] == .array([.number("0.5"), .string("inf")]))
  }

  @Test func recordsOfEarlierStages() throws {
    let tokenized = try RecordListing(
      Record(parsing: Array(#"{"id":3,"question":"?","tokens":{"base":[1,2]}}"#.utf8)), frames: [], response: nil)
    #expect(try tokenized.text(nil) == "== 3\ntokens: base 2\n\n")
    #expect(tokenized.jsonLines(nil) == "")
    let raw = try RecordListing(Record(parsing: Array(#"{"question":"?"}"#.utf8)), frames: [], response: nil)
    #expect(try raw.text(nil) == "== a record without id\ntokens: none\n\n")
  }
}
