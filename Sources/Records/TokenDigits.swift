/// Token numbers as JSON writes them: `[1,9690,198]`.
enum TokenDigits {
  /// The numbers of an array of whole numbers below 2³¹, spelt as JSON spells them; nil for anything else, which
  /// `JSONScanner` then looks at closely.
  static func numbers(in bytes: UnsafeBufferPointer<UInt8>) -> [Int32]? {
    guard bytes.first == UInt8(ascii: "["), bytes.last == UInt8(ascii: "]") else { return nil }
    var numbers: [Int32] = []
    numbers.reserveCapacity(bytes.count / 5 + 1)
    var index = 1
    while true {
      while index < bytes.count, bytes[index] == 0x20 { index += 1 }
      let start = index
      var number: Int32 = 0
      while index < bytes.count, case let digit = bytes[index] &- 0x30, digit < 10 {
        let (product, isTooLarge) = number.multipliedReportingOverflow(by: 10)
        let (sum, isOver) = product.addingReportingOverflow(Int32(digit))
        if isTooLarge || isOver { return nil }
        number = sum
        index += 1
      }
      guard index > start, index == start + 1 || bytes[start] != 0x30, index < bytes.count else { return nil }
      numbers.append(number)
      if bytes[index] == UInt8(ascii: "]") { return index + 1 == bytes.count ? numbers : nil }
      guard bytes[index] == UInt8(ascii: ",") else { return nil }
      index += 1
    }
  }

  /// Longest number with a comma in front: `,-2147483648`.
  private static let longest = 12

  /// The array of the numbers, without spaces.
  static func array(_ numbers: [Int32]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: numbers.count * longest + 2) { buffer, count in
      buffer[0] = UInt8(ascii: "[")
      count = 1
      for number in numbers {
        if count > 1 {
          buffer[count] = UInt8(ascii: ",")
          count += 1
        }
        if number < 0 {
          buffer[count] = UInt8(ascii: "-")
          count += 1
        }
        let start = count
        var rest = number.magnitude
        repeat {
          buffer[count] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
          count += 1
          rest /= 10
        } while rest > 0
        buffer[start..<count].reverse()
      }
      buffer[count] = UInt8(ascii: "]")
      count += 1
    }
  }
}
