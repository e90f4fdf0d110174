import Records

/// A JSON file of a model or adapter directory, with errors that name the file and the key.
struct JSONFile {
  let path: String
  let value: JSON

  /// - Parameter room: what the file's values may take beyond its length, as in `JSON`.
  init(directory: String, name: String, room: Int = JSON.standardRoom) throws {
    guard let file = try JSONFile(ifPresentIn: directory, name: name, room: room) else {
      throw CheckpointError(directory, "there is no \(name)", isMissing: true)
    }
    self = file
  }

  init?(ifPresentIn directory: String, name: String, room: Int = JSON.standardRoom) throws {
    path = directory + "/" + name
    guard let bytes = try WholeFile.bytesIfPresent(path) else { return nil }
    do {
      value = try JSON(parsing: bytes, room: room)
    } catch {
      try GitPointer.refuse(bytes, path)
      throw CheckpointError(path, "\(error)")
    }
    guard value.members != nil else { throw CheckpointError(path, "found \(value.kind), expected an object") }
  }

  init(path: String, value: JSON) {
    self.path = path
    self.value = value
  }

  private func mismatch(_ key: String, _ found: JSON, _ expected: String) -> CheckpointError {
    CheckpointError(path, "\"\(key)\" is \(found.kind), expected \(expected)")
  }

  /// The member, nil where it is absent or null.
  subscript(key: String) -> JSON? { value[key].flatMap { $0.isNull ? nil : $0 } }

  func integer(_ key: String) throws(CheckpointError) -> Int? {
    guard let member = self[key] else { return nil }
    guard let number = member.integer else { throw mismatch(key, member, "an integer") }
    return number
  }

  func requiredInteger(_ key: String) throws(CheckpointError) -> Int {
    guard let number = try integer(key) else { throw CheckpointError(path, "\"\(key)\" is missing") }
    return number
  }

  func double(_ key: String) throws(CheckpointError) -> Double? {
    guard let member = self[key] else { return nil }
    guard let number = member.double else { throw mismatch(key, member, "a number") }
    return number
  }

  func requiredDouble(_ key: String) throws(CheckpointError) -> Double {
    guard let number = try double(key) else { throw CheckpointError(path, "\"\(key)\" is missing") }
    return number
  }

  func string(_ key: String) throws(CheckpointError) -> String? {
    guard let member = self[key] else { return nil }
    guard let text = member.string else { throw mismatch(key, member, "a string") }
    return text
  }

  func bool(_ key: String) throws(CheckpointError) -> Bool? {
    guard let member = self[key] else { return nil }
    guard let truth = member.bool else { throw mismatch(key, member, "true or false") }
    return truth
  }

  /// An object under the key, as a file of its own for messages.
  func object(_ key: String) throws(CheckpointError) -> JSONFile? {
    guard let member = self[key] else { return nil }
    guard member.members != nil else { throw mismatch(key, member, "an object") }
    return JSONFile(path: path, value: member)
  }
}
