import GeneratedJSON
import Records

extension FuzzTarget {
  /// JSON as a tree, and as a record that looks into its values only when it is asked.
  static let json = FuzzTarget(
    name: "json",
    seeds: {
      (1...12).map { seed in
        var source = JSONSource(seed: UInt64(seed))
        return Array(source.object(spaced: seed % 2 == 0).utf8)
      } + [Array("[[[[1e5]]]]".utf8), Array(#"{"a":"\ud83d\ude42","a\u0000":-0.5e-7}"#.utf8)]
    },
    read: { input in
      let tree = Result { () throws(JSONError) in try JSON(parsing: input) }
      let record = Result { () throws(JSONError) in try Record(parsing: input) }
      if case .success(let tree) = tree {
        let again = try JSON(parsing: tree.encoded)
        require(again == tree, "what was read and written is read as something else")
        require(try JSON(parsing: tree.indentedText) == tree, "indented, it is read as something else")
        require((try? record.get()) != nil || tree.members == nil, "a tree, but no record: \(record)")
      }
      guard case .success(let record) = record else {
        _ = try tree.get()
        return
      }
      let members = try tree.get().members ?? []
      require(members.map(\.key) == record.keys, "a tree has other keys than a record")
      for member in members { require(record[member.key] == member.value, "a record has another value") }
      require(try JSON(parsing: record.encoded) == JSON.object(members), "a record is written as something else")
    })
}
