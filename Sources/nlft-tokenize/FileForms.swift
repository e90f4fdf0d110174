import ArgumentParser
import Records
import ToolSupport

/// What `--form` takes.
enum FormChoice: String, ExpressibleByArgument, CaseIterable {
  case auto
  case nlft
  case gsm8k
  case messages
  case completion
  case alpaca
}

/// The form of each file: as it was named, or as the file's first record tells.
struct FileForms {
  private let named: DataForm?
  private var current: (file: String?, form: FileForm)?

  /// Forms as `--form` has them.
  init(_ choice: FormChoice) { named = DataForm(rawValue: choice.rawValue) }

  /// Gives a record the contract's fields.
  /// - Parameter found: Called with what was found when a file's first record has told its form.
  /// - Throws: `RecordError` if the record cannot be converted, or is of another form than the file's first one.
  mutating func convert(_ numbered: inout NumberedRecord, found: (String) -> Void) throws(RecordError) {
    if let named { return try named.convert(&numbered.record) }
    let form: FileForm
    if let current, current.file == numbered.file {
      form = current.form
    } else {
      form = try FileForm(first: numbered.record)
      current = (numbered.file, form)
      found("\(numbered.file ?? "stdin"): \(form.description)")
    }
    try form.convert(&numbered.record)
  }
}
