import GoldenData
import Records
import Saliency
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// One of the 40 cases of `golden/saliency.jsonl`: what the reference implementation makes of a response.
public struct SaliencyCase: Sendable {
  /// b, s and j of each token.
  public let probabilities: TokenProbabilities
  /// One state for each token.
  public let hidden: ScoresFrame.Hidden
  /// What comes out if the response is correct.
  public let correct: Expected
  /// What comes out if it is incorrect.
  public let incorrect: Expected

  /// Classes and weights before 1/T and the factor, [T] each.
  public struct Expected: Sendable {
    /// The class of each token.
    public let classes: [TokenClass]
    /// w.
    public let likelihood: [Double]
    /// u.
    public let unlikelihood: [Double]
  }

  /// T.
  public var count: Int { probabilities.base.count }

  /// Log-probabilities and states as a scores frame would hold them.
  public func scores(tokens: [Int32], id: String? = nil) -> ScoresFrame {
    func logarithms(_ values: [Double]?) -> [Float]? { values.map { $0.map { Float(log($0)) } } }
    return ScoresFrame(
      origin: FrameOrigin(id: id, model: "00ff"), tokens: tokens, base: logarithms(probabilities.base),
      standard: logarithms(probabilities.standard), judge: logarithms(probabilities.judge), hidden: hidden)
  }

  /// Why a case cannot be read.
  public struct Unreadable: Error { let reason: String }

  /// All of them.
  public static func all() throws -> [SaliencyCase] {
    try GoldenData.lines("saliency.jsonl").map { try SaliencyCase(JSON(parsing: $0)) }
  }

  private init(_ json: JSON) throws {
    func numbers(_ json: JSON?) throws -> [Double] {
      guard let list = json?.array else { throw Unreadable(reason: "not a list") }
      let numbers = list.compactMap(\.double)
      guard numbers.count == list.count else { throw Unreadable(reason: "not a list of numbers") }
      return numbers
    }
    func expected(_ json: JSON?) throws -> Expected {
      let likelihood = try numbers(json?["likelihood"])
      return Expected(
        classes: try numbers(json?["classes"]).compactMap { TokenClass(rawValue: UInt8($0)) }, likelihood: likelihood,
        unlikelihood: json?["unlikelihood"] == nil
          ? likelihood.map { _ in 0 } : try numbers(json?["unlikelihood"]))
    }
    probabilities = TokenProbabilities(
      base: try numbers(json["base"]), standard: try numbers(json["standard"]), judge: try numbers(json["judge"]))
    let states = try (json["hidden"]?.array ?? []).map { try numbers($0) }
    hidden = ScoresFrame.Hidden(values: states.flatMap { $0.map { Float($0) } }, dimension: states.first?.count ?? 0)
    correct = try expected(json["correct"])
    incorrect = try expected(json["incorrect"])
  }
}

/// The largest relative difference; a number that should be zero must be zero.
public func relativeDifference(_ found: [Float], _ expected: [Double]) -> Double {
  guard found.count == expected.count else { return .infinity }
  return zip(found, expected).map { found, expected in
    expected == 0 ? (found == 0 ? 0 : .infinity) : abs(Double(found) / expected - 1)
  }.max() ?? 0
}
