import Records
import Testing

struct FingerprintTests {
  /// Test vectors of the authors of FNV (draft-eastlake-fnv, 64-bit FNV-1a).
  @Test(arguments: [("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8")])
  func isFNV1a(text: String, expected: String) {
    var fingerprint = Fingerprint()
    for byte in text.utf8 { fingerprint.add(byte) }
    #expect(fingerprint.hexadecimal == expected)
  }

  @Test func neighboursDoNotFlowIntoEachOther() {
    var first = Fingerprint()
    first.add("ab")
    first.add("c")
    var second = Fingerprint()
    second.add("a")
    second.add("bc")
    #expect(first.hexadecimal != second.hexadecimal)
  }
}
