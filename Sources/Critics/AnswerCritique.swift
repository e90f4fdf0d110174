import Prompting
import Records

/// The critique that needs no model: what the response came to, what is right, and why.
///
/// Small models write poor critiques of their own answers; the verdict and the standard answer say more.
public enum AnswerCritique {
  /// The critique of an incorrect record, from `predicted`, `expected` and `answer`.
  /// - Throws: `RecordError` if there is neither an expected value nor a standard answer, or one is of the wrong type.
  public static func text(for record: Record) throws(RecordError) -> String {
    let predicted = try record.optionalString("predicted")
    let expected = try record.optionalString("expected")
    let answer = try record.optionalString("answer")
    guard expected != nil || answer != nil else {
      throw RecordError("a critique needs field \"expected\" (run nlft-grade first) or field \"answer\"")
    }
    var sentences = ["The response is wrong."]
    if let expected {
      sentences.append(
        predicted.map { "Its final value is \($0), but the correct value is \(expected)." }
          ?? "It gives no final value in the form asked for; the correct value is \(expected).")
    }
    if let answer { sentences.append("It should have reasoned like this: \(answer)") }
    return sentences.joined(separator: " ")
  }
}
