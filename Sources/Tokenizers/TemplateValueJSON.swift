import Records
import Templates

extension TemplateValue {
  /// JSON as data for a template: a number without fraction or exponent is an integer if it fits one.
  init(_ json: JSON) {
    if let members = json.members {
      self = .dictionary(members.map { Entry($0.key, TemplateValue($0.value)) })
    } else if let elements = json.array {
      self = .list(elements.map(TemplateValue.init))
    } else if let text = json.string {
      self = .string(text)
    } else if let value = json.bool {
      self = .bool(value)
    } else if let value = json.integer {
      self = .int(value)
    } else if let value = json.double {
      self = .double(value)
    } else {
      self = .none
    }
  }
}
