/// What all pages of the house look like: palette, type and head. A page's own style comes behind it.
public enum PageStyle {
  /// The style sheet, UTF-8.
  public static var css: [UInt8] { PackageResources.house_css }
}
