import Records

/// The records that failed, as they came, and beside them the reasons.
///
/// Line n of `FILE.reasons` says why line n of `FILE` failed, so `FILE` can be mended and fed to the tool again. Both
/// appear when the tool has ended, empty if nothing failed.
final class RejectFile {
  private let records: AtomicFile
  private let reasons: AtomicFile

  init(path: String) throws(FileError) {
    records = try AtomicFile(path: path)
    reasons = try AtomicFile(path: path + ".reasons")
  }

  func append(_ line: [UInt8], reason: String) throws(FileError) {
    try records.append(line + [0x0A])
    try reasons.append(Array(Diagnostics.printable(reason).utf8) + [0x0A])
  }

  func commit() throws(FileError) {
    try records.commit()
    try reasons.commit()
  }
}
