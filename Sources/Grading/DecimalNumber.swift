/// A decimal number of any length, compared exactly: 5.0 is 5, and 0.1 is not the nearest `Double`.
struct DecimalNumber: Equatable {
  private let isNegative: Bool
  /// Digits before the point, without leading zeros.
  private let whole: [UInt8]
  /// Digits behind the point, without trailing zeros.
  private let fraction: [UInt8]

  /// The number that `text` is, with commas, dollar signs and points at its end left out; nil if it is none.
  init?(_ text: String) {
    var bytes = text.utf8.filter { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "$") }
    while bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
    let isMarked = bytes.first == UInt8(ascii: "-")
    if isMarked || bytes.first == UInt8(ascii: "+") { bytes.removeFirst() }
    let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard !bytes.isEmpty, parts.allSatisfy({ $0.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }) else { return nil }
    whole = Array(parts[0].drop { $0 == 0x30 })
    fraction = parts.count > 1 ? Array(parts[1].reversed().drop { $0 == 0x30 }.reversed()) : []
    isNegative = isMarked && !(whole.isEmpty && fraction.isEmpty)
  }
}
