#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Synchronization

/// A file or directory beside a target, `.NAME.PID-N.tmp`, which holds what is not complete yet.
///
/// It is locked (flock) while its maker lives. One that nobody locks was left by a process that was killed, and goes when
/// the next entry beside the same target is made: the system drops a dead process's locks, also those of another
/// container or machine, where its number would say nothing. Where the file system has no locks, nothing is taken for dead.
final class TemporaryEntry {
  /// What is made.
  enum Kind {
    case file
    /// A directory, and the names of the files that may come to stand in it.
    case directory([String])
  }

  /// Where it is.
  let path: String
  /// The open file or directory.
  let descriptor: Int32
  private let kind: Kind
  private var slots: [Int?] = []

  private static let counter = Atomic<Int>(0)
  private static let attempts = 100

  /// Makes the entry after removing what dead processes left beside the target.
  /// - Throws: `FileError` of kind `transfer` that names the target.
  init(beside target: String, _ kind: Kind) throws(FileError) {
    Self.removeStale(beside: target, kind)
    let (folder, name) = Self.split(target)
    for _ in 0..<Self.attempts {
      let number = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
      let path = folder + ".\(name).\(getpid())-\(number).tmp"
      let names = [path] + kind.names.map { path + "/" + $0 }
      let slots = names.map { TemporaryFiles.register($0) }
      let descriptor = Self.make(path, kind)
      if descriptor >= 0, Self.holds(path, descriptor) {
        self.path = path
        self.kind = kind
        self.descriptor = descriptor
        self.slots = slots
        return
      }
      let code = errno
      if descriptor >= 0 { close(descriptor) }
      for slot in slots { TemporaryFiles.release(slot) }
      // Another's leavings of that name stay if they cannot be locked; one just made may be taken for dead in the moment
      // before it is locked.
      guard descriptor >= 0 || code == EEXIST else {
        throw FileError(path: target, kind: .transfer, action: "create", code: code)
      }
    }
    throw FileError(path: target, kind: .transfer, reason: "cannot create a temporary file beside it")
  }

  deinit { close(descriptor) }

  /// Removes the entry.
  func remove() {
    Self.remove(path, kind)
    release()
  }

  /// What to call when it has another name now and is nothing temporary any more.
  func release() {
    for slot in slots { TemporaryFiles.release(slot) }
    slots = []
  }

  private static func make(_ path: String, _ kind: Kind) -> Int32 {
    switch kind {
    case .file: return opened(path, O_WRONLY | O_CREAT | O_EXCL)
    case .directory:
      guard mkdir(path, 0o777) == 0 else { return -1 }
      let descriptor = opened(path, O_RDONLY | O_DIRECTORY)
      if descriptor < 0 {
        let code = errno
        rmdir(path)
        errno = code
      }
      return descriptor
    }
  }

  /// Locks an entry that was just made; false if someone else has removed it or is about to.
  private static func holds(_ path: String, _ descriptor: Int32) -> Bool {
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0 { return errno != EWOULDBLOCK }
    return FileIdentity(descriptor: descriptor) == FileIdentity(entry: path)
  }

  static func remove(_ path: String, _ kind: Kind) {
    switch kind {
    case .file: unlink(path)
    case .directory(let names):
      // Only what may be there: whatever else came into the directory keeps it.
      for name in (try? entries(of: path)) ?? [] where names.contains(name) || isTemporary(name) {
        unlink(path + "/" + name)
      }
      rmdir(path)
    }
  }

  // MARK: Others

  /// Removes what processes that are dead by now left beside the target.
  static func removeStale(beside target: String, _ kind: Kind) {
    for path in others(beside: target) {
      // A claim is a file whatever its target is.
      var status = stat()
      guard lstat(path, &status) == 0 else { continue }
      let isDirectory = status.st_mode & S_IFMT == S_IFDIR
      guard isDirectory || status.st_mode & S_IFMT == S_IFREG else { continue }
      guard let descriptor = locked(path) else { continue }
      remove(path, isDirectory ? kind : .file)
      close(descriptor)
    }
  }

  /// The temporary entries of any process beside the target.
  static func others(beside target: String, ending: String = ".tmp") -> [String] {
    let (folder, name) = split(target)
    let names = (try? entries(of: folder.isEmpty ? "." : folder)) ?? []
    return names.filter { isTemporary($0, of: name, ending: ending) }.sorted().map { folder + $0 }
  }

  /// Opens and locks a file or directory that no living process has locked; nil and `errno` if one has, or there are no
  /// locks here. The lock goes with the descriptor.
  static func locked(_ path: String) -> Int32? {
    var descriptor = opened(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
    if descriptor < 0, errno == EISDIR { descriptor = opened(path, O_RDONLY | O_NOFOLLOW | O_DIRECTORY) }
    guard descriptor >= 0 else { return nil }
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
    let code = errno
    close(descriptor)
    errno = code
    return nil
  }

  /// Whether a living process holds the lock of the file or directory.
  static func isLocked(_ path: String) -> Bool {
    guard let descriptor = locked(path) else { return errno == EWOULDBLOCK }
    close(descriptor)
    return false
  }

  // MARK: Names

  /// The directory with its slash, or nothing for the working directory, and the name in it.
  static func split(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ("", path) }
    let after = path.utf8.index(after: slash)
    return (String(path[..<after]), String(path[after...]))
  }

  /// Whether it is `.NAME.PID-N.tmp`, of any target if none is given.
  private static func isTemporary(_ entry: String, of name: String? = nil, ending: String = ".tmp") -> Bool {
    let bytes = Array(entry.utf8)
    let end = Array(ending.utf8)
    guard bytes.first == UInt8(ascii: "."), bytes.count > end.count, bytes.suffix(end.count).elementsEqual(end) else {
      return false
    }
    let stem = bytes.dropFirst().dropLast(end.count)
    guard let dot = stem.lastIndex(of: UInt8(ascii: ".")) else { return false }
    if let name, !stem[..<dot].elementsEqual(name.utf8) { return false }
    let numbers = stem[(dot + 1)...].split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return numbers.count == 2 && numbers.allSatisfy { !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } }
  }

  /// The names in a directory.
  private static func entries(of path: String) throws(FileError) -> [String] {
    guard let directory = opendir(path) else { throw FileError(path: path, kind: .open, action: "open") }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}

extension TemporaryEntry.Kind {
  fileprivate var names: [String] {
    switch self {
    case .file: []
    case .directory(let names): names
    }
  }
}

/// Opens a file, however many signals interrupt that; -1 and `errno` if it fails. It is not for child processes.
func opened(_ path: String, _ flags: Int32, mode: mode_t = 0o666) -> Int32 {
  while true {
    let descriptor = open(path, flags | O_CLOEXEC, mode)
    if descriptor >= 0 || errno != EINTR { return descriptor }
  }
}
