/// What a rank's share of a step came to.
struct ShareReport: Equatable {
  var loss = 0.0
  var rows = 0
  var tokens = 0
  /// In which the rank computed.
  var seconds = 0.0
  /// Places of the records that turned out to have no token with a weight: in the share, then in the batch.
  var weightless: [Int] = []

  static func + (a: ShareReport, b: ShareReport) -> ShareReport {
    ShareReport(
      loss: a.loss + b.loss, rows: a.rows + b.rows, tokens: a.tokens + b.tokens, seconds: a.seconds + b.seconds,
      weightless: a.weightless + b.weightless)
  }
}

extension ShareReport {
  /// Numbers of eight bytes, the lowest byte first.
  var bytes: [UInt8] {
    ([loss.bitPattern, UInt64(rows), UInt64(tokens), seconds.bitPattern] + weightless.map { UInt64($0) })
      .flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } }
  }

  /// - Throws: `CommunicationError` if they are not those of a report.
  init(bytes: [UInt8]) throws(CommunicationError) {
    guard bytes.count >= 32, bytes.count % 8 == 0 else {
      throw CommunicationError("a report of \(bytes.count) bytes came, expected 32, or more by multiples of 8")
    }
    let numbers = (0..<bytes.count / 8).map { place in
      (0..<8).reduce(0 as UInt64) { $0 | UInt64(bytes[place * 8 + $1]) << ($1 * 8) }
    }
    let places = numbers[4...].compactMap { Int(exactly: $0) }
    guard let rows = Int(exactly: numbers[1]), let tokens = Int(exactly: numbers[2]), places.count == numbers.count - 4
    else { throw CommunicationError("a report of impossible counts came") }
    self.init(
      loss: Double(bitPattern: numbers[0]), rows: rows, tokens: tokens, seconds: Double(bitPattern: numbers[3]),
      weightless: places)
  }
}
