import Grading
import Testing

@Suite struct MatchingTests {
  @Test(arguments: [
    ("5", "5.0", true), ("5.", "5", true), ("1,000", "1000", true), ("$5", "5.00", true), ("-0", "0", true),
    ("007", "7", true), (".5", "0.50", true), ("-.5", "-0.5", true), ("5", "-5", false),
    ("0.1", "0.10000000000000001", false),
    ("123456789012345678901234567890", "123456789012345678901234567891", false), ("1.2.3", "1.2", false),
    ("...", "0", false), ("", "0", false), ("$", "0", false), ("5", "yes", false), ("Yes.", "yes", true),
    ("50", "5", false),
  ])
  func numbers(predicted: String, expected: String, agree: Bool) {
    #expect(Matching.number.matches(predicted, expected) == agree)
  }

  @Test(arguments: [
    ("5", "5.0", false), ("5.", "5", true), ("1,000", "1000", true), ("$5", "5", true), ("-0", "0", false),
    ("#### 5", "x #### 4 #### 5.", true), ("YES", "yes", true), ("5..", "5", false),
  ])
  func strings(predicted: String, expected: String, agree: Bool) {
    #expect(Matching.string.matches(predicted, expected) == agree)
  }
}
