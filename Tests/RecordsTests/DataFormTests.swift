import Records
import Testing

/// The forms of data: how they are told, and what becomes of their fields.
@Suite struct DataFormTests {
  private func record(_ text: String) throws -> Record { try Record(parsing: Array(text.utf8)) }

  private func converted(_ form: DataForm, _ text: String) throws -> String {
    var record = try record(text)
    try form.convert(&record)
    return String(decoding: record.encoded, as: UTF8.self)
  }

  // MARK: Telling

  @Test(
    arguments: [
      (#"{"question":"q","answer":"a"}"#, .nlft), (#"{"input":"q"}"#, .nlft), (#"{"tokens":{}}"#, .nlft),
      (#"{"id":0,"instruction":"i","input":"q","output":"o","judgment":null,"answer":"a"}"#, .nlft),
      (#"{"messages":[]}"#, .messages), (#"{"conversations":7}"#, .messages),
      (#"{"prompt":"p","prompt_id":"x","messages":[]}"#, .messages),
      (#"{"prompt":"p","completion":"c"}"#, .completion), (#"{"instruction":"i","output":"o"}"#, .alpaca),
      (#"{"instruction":"i","input":"","output":"o","text":"t"}"#, .alpaca),
      // The contract's names win, its other fields tell a response from a standard answer.
      (#"{"question":"q","messages":[]}"#, .nlft), (#"{"question":null,"messages":[]}"#, .messages),
      (#"{"instruction":"i","input":"q","output":"o","finish":"stop"}"#, .nlft),
      (#"{"instruction":"i","input":"q","output":"o","correct":true}"#, .nlft),
      (#"{"instruction":"i","output":"o","judgment":null}"#, nil), (#"{"prompt":"p","chosen":"c"}"#, nil),
      ("{}", nil),
    ] as [(String, DataForm?)])
  func formIsTold(_ text: String, _ form: DataForm?) throws {
    #expect(DataForm(detecting: try record(text)) == form)
  }

  @Test(arguments: [
    (##"{"question":"q","answer":"4\n#### 4"}"##, "GSM8K problems: question, answer"),
    (#"{"question":"q","answer":"4"}"#, "records of nlft: question, answer"),
    (#"{"question":"q","input":"x"}"#, "records of nlft: question"),
    (
      #####"{"id":0,"instruction":"i","input":"q","output":"o","judgment":null,"answer":"#### 4"}"#####,
      "records of nlft: instruction, input, answer, output, judgment"
    ),
    (#"{"messages":[]}"#, "chat messages; the last assistant turn is the standard answer"),
    (#"{"conversations":[]}"#, "ShareGPT conversations; the last gpt turn is the standard answer"),
    (#"{"prompt":"","completion":""}"#, "prompt and completion; the completion is the standard answer"),
    (#"{"instruction":"","output":""}"#, "Alpaca records; the output is the standard answer"),
  ])
  func formIsDescribed(_ text: String, _ words: String) throws {
    #expect(try FileForm(first: record(text)).description == words)
  }

  @Test func laterRecordsAreOfTheSameForm() throws {
    func verdict(first: String, _ later: String) throws -> String {
      let form = try FileForm(first: record(first))
      var later = try record(later)
      do { try form.convert(&later) } catch { return "\(error)" }
      return String(decoding: later.encoded, as: UTF8.self)
    }
    let alpaca = #"{"instruction":"i","input":"q","output":"o"}"#
    let messages = #"{"messages":[{"role":"user","content":"q"}]}"#
    #expect(
      try verdict(first: messages, alpaca)
        == "found the form alpaca (Alpaca records; the output is the standard answer), expected messages, which the file's first record has"
    )
    #expect(
      try verdict(first: #"{"question":"q"}"#, messages).hasPrefix("found the form messages (chat messages; "))
    #expect(try verdict(first: #"{"question":"q"}"#, alpaca).hasPrefix("found the form alpaca "))
    // A correct response without an answer beside it, in a file whose first record was judged.
    #expect(try verdict(first: #"{"input":"q","output":"o","judgment":"j"}"#, alpaca) == alpaca)
    #expect(try verdict(first: #"{"question":"q"}"#, #"{"answer":"a"}"#) == #"{"answer":"a"}"#)
    let completion = #"{"prompt":"p","completion":"c"}"#
    let unknown = try verdict(first: completion, #"{"prompt":"p","chosen":"c","é\n":1}"#)
    #expect(
      unknown
        == #"of no known form: found the fields "prompt", "chosen", "é\n", expected "question", "messages", "conversations", "prompt" and "completion", or "instruction" and "output""#
    )
    #expect(throws: RecordError.self) { try FileForm(first: record("{}")) }
  }

  // MARK: Converting

  @Test func messages() throws {
    let chat =
      #"{"id":1.50,"messages":[{"role":"system","content":"s"},{"role":"user","content":"q\u00e9"},{"role":"assistant","content":"a","tool_calls":null}]"#
    #expect(try converted(.messages, chat + "}") == chat + #","instruction":"s","question":"qé","answer":"a"}"#)
    let parts =
      #"{"messages":[{"role":"user","content":[{"type":"text","text":"q"},{"type":"text","text":"r"}]}],"tools":[]"#
    #expect(try converted(.messages, parts + "}") == parts + #","question":"qr"}"#)
    let shared = #"{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"system":"s""#
    #expect(
      try converted(.messages, shared + "}") == shared + #","instruction":"s","question":"q","answer":"a"}"#)
  }

  @Test func theContractsFieldsWin() throws {
    let chat = #""messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]"#
    #expect(
      try converted(.messages, #"{"answer":"mine",\#(chat),"question":null}"#)
        == #"{"answer":"mine",\#(chat),"question":"q"}"#)
    #expect(
      try converted(.completion, #"{"prompt":"p","completion":"c","question":"q"}"#)
        == #"{"prompt":"p","completion":"c","question":"q","answer":"c"}"#)
  }

  @Test func promptsAndCompletions() throws {
    let texts = #"{"prompt":"p","completion":" c""#
    #expect(try converted(.completion, texts + "}") == texts + #","question":"p","answer":" c"}"#)
    let chats =
      #"{"prompt":[{"role":"system","content":"s"},{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}]"#
    #expect(
      try converted(.completion, chats + "}") == chats + #","instruction":"s","question":"q","answer":"a"}"#)
    #expect(try converted(.completion, #"{"prompt":"p"}"#) == #"{"prompt":"p","question":"p"}"#)
  }

  @Test func alpaca() throws {
    #expect(
      try converted(.alpaca, #"{"id":7,"instruction":"i","input":"x","output":"o","n":1e5}"#)
        == #"{"id":7,"n":1e5,"question":"i\n\nx","answer":"o"}"#)
    #expect(
      try converted(.alpaca, #"{"instruction":"i","input":"","output":"o","system":"s","history":[]}"#)
        == #"{"system":"s","history":[],"instruction":"s","question":"i","answer":"o"}"#)
    #expect(
      try converted(.alpaca, #"{"question":null,"instruction":"i","output":"o"}"#)
        == #"{"question":"i","answer":"o"}"#)
  }

  @Test(
    arguments: [
      (.messages, #"{}"#, #"no field "messages" or "conversations""#),
      (.messages, #"{"messages":"q"}"#, #"field "messages": found a string, expected an array of messages"#),
      (.messages, #"{"messages":["q"]}"#, #"field "messages[0]": found a string, expected a message"#),
      (.messages, #"{"messages":[{"content":"q"}]}"#, #"no field "messages[0].role""#),
      (.messages, #"{"messages":[{"role":"user"}]}"#, #"no field "messages[0].content""#),
      (
        .messages, #"{"messages":[{"role":"tool","content":"q"}]}"#,
        #"field "messages[0].role": found "tool", expected system, user or assistant"#
      ),
      (
        .messages, #"{"messages":[{"role":"user","content":null}]}"#,
        #"field "messages[0].content": found null, expected a string or an array of text parts"#
      ),
      (
        .messages, #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}"#,
        #"field "messages[0].content[0]": found type "image_url", expected a part of type "text""#
      ),
      (
        .messages, #"{"messages":[{"role":"assistant","content":"","tool_calls":[{}]}]}"#,
        #"field "messages[0].tool_calls": found an array, expected none"#
      ),
      (
        .messages, #"{"messages":[{"role":"user","content":"q"}],"tools":[{}]}"#,
        #"field "tools": found an array, expected none: a record has no place for it"#
      ),
      (.completion, #"{"completion":"c"}"#, #"no field "prompt""#),
      (.completion, #"{"prompt":7}"#, #"field "prompt": found a number, expected an array of messages"#),
      (
        .completion, #"{"prompt":"p","completion":7}"#,
        #"field "completion": found a number, expected a string or an array of messages"#
      ),
      (
        .completion, #"{"prompt":"p","completion":[{"role":"user","content":"q"}]}"#,
        #"field "completion": found the turns user, expected one assistant turn"#
      ),
      (.alpaca, #"{"instruction":"i"}"#, #"no field "output""#),
      (
        .alpaca, #"{"instruction":"i","output":"o","history":[["a","b"]]}"#,
        #"field "history": found an array, expected none: a record has no place for it"#
      ),
      (
        .alpaca, #"{"instruction":"i","output":"o","answer":"a"}"#,
        #"field "answer": found beside Alpaca's fields, expected only one of the two forms"#
      ),
      (
        .gsm8k, #"{"question":"q","answer":"4"}"#,
        #####"field "answer": found no "#### ", expected the final value behind it"#####
      ),
      (.gsm8k, #"{"answer":"4"}"#, #"no field "question""#),
    ] as [(DataForm, String, String)])
  func whatCannotBeConvertedIsNamed(_ form: DataForm, _ text: String, _ reason: String) {
    #expect { try converted(form, text) } throws: { "\($0)" == reason }
  }

  @Test(arguments: [
    ("", "no turns"), ("a", "the turns assistant"), ("ss", "the turns system, system"),
    ("uaua", "the turns user, assistant, user, assistant"), ("uau", "the turns user, assistant, user"),
    ("uu", "the turns user, user"), ("us", "the turns user, system"), ("s", "the turns system"),
    ("suaua", "the turns system, user, assistant, user, … (5 in all)"),
  ])
  func turnsWithoutAPlaceAreRefused(_ turns: String, _ found: String) throws {
    let messages = turns.map { turn in
      let role = ["s": "system", "u": "user", "a": "assistant"][turn] ?? ""
      return #"{"role":"\#(role)","content":"x"}"#
    }
    let text = #"{"messages":[\#(messages.joined(separator: ","))]}"#
    let reason =
      "field \"messages\": found \(found), expected a user and an assistant turn, a system turn before them or not: a record has no place for other turns"
    #expect { try converted(.messages, text) } throws: { "\($0)" == reason }
  }
}
