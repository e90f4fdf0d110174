/// What stands in a Git repository in place of a large file that Git LFS keeps elsewhere
/// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
enum GitPointer {
  /// Refuses a pointer.
  /// - Throws: `CheckpointError` that says what to do about it.
  static func refuse(_ bytes: some Sequence<UInt8>, _ path: String) throws(CheckpointError) {
    guard bytes.starts(with: "version https://git-lfs".utf8) else { return }
    throw CheckpointError(path, "a Git LFS pointer, expected the file itself (git lfs pull)")
  }
}
