/// The form of a file's records, as its first one tells.
public struct FileForm: Sendable {
  /// The form of the first record.
  public let form: DataForm
  /// What a person should know about it.
  public let description: String
  /// Whether the question stands under its alias `input`. Then a record of `instruction`, `input` and `output` alone is
  /// of the contract, too: one whose response is correct.
  private let asksByInput: Bool

  /// The form of a first record.
  /// - Throws: `RecordError` if it is of no known form.
  public init(first record: Record) throws(RecordError) {
    guard let form = DataForm(detecting: record) else { throw DataForm.unknown(record) }
    self.form = form
    description = form.description(of: record)
    asksByInput = form == .nlft && !record.hasValue("question") && record.hasValue("input")
  }

  /// Gives a record of the file the contract's fields.
  /// - Throws: `RecordError` if it is of another form, or cannot be converted.
  public func convert(_ record: inout Record) throws(RecordError) {
    let other = DataForm(detecting: record)
    switch (form, other) {
    case (form, form): break
    case (.nlft, .alpaca) where asksByInput && record.hasValue("input"): break
    // A record without a question says so where the question is needed.
    case (.nlft, nil): break
    case (_, nil): throw DataForm.unknown(record)
    case (_, let other?):
      throw RecordError(
        "found the form \(other.rawValue) (\(other.description(of: record))), expected \(form.rawValue), which the file's first record has"
      )
    }
    try form.convert(&record)
  }
}
