import Records

extension FuzzTarget {
  /// Records as the tools read them: lines or an array, in any of the data forms.
  static let records = FuzzTarget(
    name: "records", longest: 8192,
    seeds: {
      [
        #"{"id":1,"question":"2+2?","answer":"4\n#### 4","tokens":{"base":[1,2],"output":[3]}}"# + "\n",
        "\u{FEFF}[\n{\"question\":\"é\",\n \"output\":\"x\"},\r\n{\"input\":7}\n]\n",
        #"{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"q"}]},"#
          + #"{"role":"assistant","content":"a"}]}"#,
        #"{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"system":"s"}"#,
        #"{"prompt":"q","completion":[{"role":"assistant","content":"a"}]}"#,
        #"{"instruction":"i","input":"","output":"o"}"# + "\r\n\r\n" + #"{"instruction":"i","output":"o"}"#,
        #"{"id":"x","output":"1","judgment":null,"correct":false,"scores":{"archive":"a","offset":0,"bytes":9}}"#,
      ].map { Array($0.utf8) }
    },
    read: { input in try readRecords(input) })

  /// Reads a file of records to its end and does with each what the tools do.
  static func readRecords(_ input: [UInt8]) throws {
    let reader = try RecordReader(paths: [ScratchFile.write(input)], longestLine: 1 << 16)
    var form: FileForm?
    while let line = try reader.next() {
      guard case .success(var record) = line.record else { continue }
      require((try? JSON(parsing: record.encoded)) != nil, "a record is written as something that is no JSON")
      do {
        form = try form ?? FileForm(first: record)
        try form?.convert(&record)
        _ = (record.idText, try record.question(), try record.isIncorrect())
        if var tokens = try record.tokens("base") {
          tokens.append(7)
          record.setTokens("base", tokens)
          require(try record.tokens("base") == tokens, "tokens are read as others than were written")
        }
        record.removeTokens("output")
      } catch is RecordError {}
      require((try? Record(parsing: record.encoded)) != nil, "a changed record is written as something else")
    }
  }
}
