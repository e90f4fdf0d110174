import Grading
import Testing

@Suite struct ExtractionTests {
  /// Text, then what it gives under gsm8k, flexible and last-number. The first two columns are what Python's `re` finds
  /// with the patterns of lm-evaluation-harness, the third is what a reader would say.
  static let table: [(String, String?, String?, String?)] = [
    ("#### 18", "18", "18", "18"),
    ("The answer is 18.", nil, "18.", "18"),
    ("#### 1,234.50.", "1,234.50.", "1,234.50.", "1,234.50"),
    ("#### $18", nil, "$18", "18"),
    ("##### 5", "5", "5", "5"),
    ("#### 3\n#### 4", "3", "4", "4"),
    ("####7", nil, "7", "7"),
    ("#### -12", "-12", "-12", "-12"),
    ("#### x 5", nil, "5", "5"),
    ("", nil, nil, nil),
    ("no number", nil, nil, nil),
    ("It costs $2,000,000.", nil, "$2,000,000.", "2,000,000"),
    ("5-3", nil, "-3", "3"),
    ("x = -7", nil, "-7", "-7"),
    ("She lost $-5", nil, "-5", "-5"),
    ("She lost -$5.", nil, "-$5.", "-5"),
    ("1,2,3", nil, "1,2,3", "3"),
    ("1,2345", nil, "1,2345", "2345"),
    ("12,345,67", nil, "12,345,67", "67"),
    ("0.5 or .75", nil, ".75", ".75"),
    ("wait... 3 ...", nil, "...", "3"),
    ("#### ...", "...", "...", nil),
    ("50%", nil, "50", "50"),
    ("3/4", nil, "4", "4"),
    ("\\boxed{42}", nil, "42", "42"),
    ("**-5**", nil, "-5", "-5"),
    ("10-15 minutes", nil, "-15", "15"),
    ("step-2", nil, "-2", "2"),
    ("#### 5,", "5,", "5,", "5"),
    ("version 1.2.3", nil, "1.2.3", "3"),
    ("price: 7.", nil, "7.", "7"),
    ("€1.000,50", nil, "1.000,50", "50"),
    ("٣ and 8", nil, "8", "8"),
    ("\u{2212}9", nil, "9", "-9"),
    ("it is 1e5", nil, "5", "5"),
    ("#### ", nil, nil, nil),
    ("#### -", nil, nil, nil),
    ("$", nil, nil, nil),
    ("--5", nil, "-5", "5"),
    ("7\u{A0}000", nil, "000", "000"),
    ("n=3\r\n", nil, "3", "3"),
  ]

  @Test(arguments: table)
  func values(text: String, gsm8k: String?, flexible: String?, lastNumber: String?) {
    #expect(Extraction.gsm8k.value(in: text) == gsm8k)
    #expect(Extraction.flexible.value(in: text) == flexible)
    #expect(Extraction.lastNumber.value(in: text) == lastNumber)
  }

  /// How many outcomes of each kind the table holds, so that a table cut short would be seen.
  @Test func theTableIsWhole() {
    #expect(Self.table.count == 41)
  }
}
