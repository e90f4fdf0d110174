/// Bounds within which a template is parsed and rendered, so that a hostile one costs little time and memory.
public struct TemplateLimits: Sendable {
  /// Bytes of UTF-8 in the template.
  public var sourceBytes = 1 << 18
  /// Expressions and statements evaluated in one rendering; every 4 elements of a list and every 64 bytes of text that
  /// are made or searched count as one more.
  public var steps = 1_000_000
  /// Bytes of UTF-8 in the output, and in any text made on the way.
  public var textBytes = 4 << 20
  /// Elements of any list, range or dictionary made by the template.
  public var elements = 100_000
  /// Levels of statements, expressions and macro calls inside each other while rendering, each of which takes up to
  /// 8 KB of stack in a debug build; also levels of lists inside each other.
  public var depth = 400
  /// Levels of blocks and expressions inside each other in the source.
  public var nesting = 100

  /// The bounds that suit chat templates.
  public init() {}
}
