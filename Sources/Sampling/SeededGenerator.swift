import Records

/// SplitMix64 (Steele, Lea, Flood 2014): the random numbers of one response.
public struct SeededGenerator: Sendable {
  private var state: UInt64

  /// A generator from a seed.
  public init(seed: UInt64) { state = seed }

  /// A number in [0, 1) with 53 random bits.
  public mutating func unit() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    mixed ^= mixed >> 31
    return Double(mixed >> 11) * 0x1p-53
  }

  /// The seed of one record's response, from the run's seed and the record's id: a record is answered alike whatever
  /// stands before it in the stream.
  public static func seed(run: UInt64, id: String) -> UInt64 {
    var fingerprint = Fingerprint()
    fingerprint.add(Int32(truncatingIfNeeded: run))
    fingerprint.add(Int32(truncatingIfNeeded: run >> 32))
    fingerprint.add(id)
    return fingerprint.number
  }
}
