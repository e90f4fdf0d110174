/// Data given to a template: what JSON can say.
public enum TemplateValue: Sendable, Equatable {
  /// One key of a dictionary and what stands under it.
  public struct Entry: Sendable, Equatable {
    /// The key.
    public var key: String
    /// The value under the key.
    public var value: TemplateValue

    /// An entry from its two parts.
    public init(_ key: String, _ value: TemplateValue) {
      self.key = key
      self.value = value
    }
  }

  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case list([TemplateValue])
  /// Entries in their order; of two with one key the later one holds.
  case dictionary([Entry])

  /// A dictionary from pairs, in their order.
  public static func dictionary(_ pairs: KeyValuePairs<String, TemplateValue>) -> TemplateValue {
    .dictionary(pairs.map { Entry($0.key, $0.value) })
  }
}
