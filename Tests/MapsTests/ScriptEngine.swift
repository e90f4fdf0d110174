import Subprocess
import TemporaryFolders
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Programs that run JavaScript, where the machine has them.
enum ScriptEngine {
  /// A browser that shows a page without a screen.
  static let browser = firstProgram(["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"])
  /// An engine without a page.
  static let bare = firstProgram(["node", "nodejs"])

  static let browserComment: Comment = "needs a browser: chromium or google-chrome in the path"
  static let bareComment: Comment = "needs a JavaScript engine: node in the path"

  private static func firstProgram(_ names: [String]) -> String? {
    let folders = getenv("PATH").map { String(cString: $0) }?.split(separator: ":") ?? []
    for name in names {
      for folder in folders where access("\(folder)/\(name)", X_OK) == 0 { return "\(folder)/\(name)" }
    }
    return nil
  }

  /// What a page's document has become when its scripts have run.
  static func document(of page: String, in folder: TemporaryFolder) async throws -> String {
    let profile = try folder.folder("profile")
    let result = try await run(
      .path(.init(try #require(browser))),
      // Without a sandbox of its own, which a container's root may not have; the page comes from the tests.
      arguments: [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--user-data-dir=\(profile)", "--window-size=1200,900", "--virtual-time-budget=20000", "--dump-dom",
        "file://\(page)",
      ],
      output: .bytes(limit: 1 << 28), error: .string(limit: 1 << 24))
    let document = String(decoding: result.standardOutput, as: UTF8.self)
    try #require(document.contains("</html>"), "\(result.standardError)")
    return document
  }

  /// What a script prints.
  static func output(of script: String) async throws -> String {
    let result = try await run(
      .path(.init(try #require(bare))), arguments: [script], output: .bytes(limit: 1 << 28),
      error: .string(limit: 1 << 24))
    try #require(result.terminationStatus.isSuccess, "\(result.standardError)")
    return String(decoding: result.standardOutput, as: UTF8.self)
  }
}
