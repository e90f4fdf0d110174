import Records

extension SamplingRequest {
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
