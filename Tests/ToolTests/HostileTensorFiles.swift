import Records
import StoredStreams
import TemporaryFolders
import Tensors

/// safetensors files, indices of shards, and archives.
enum HostileTensorFiles {
  private static let deepest = "nested deeper than 256 levels"

  // MARK: safetensors

  private static func model(
    _ name: String, status: Int = 65, _ says: String, room: Int = 48 << 20, _ bytes: @escaping @Sendable () -> [UInt8]
  ) -> HostileFile {
    HostileFile(
      name: "safetensors: " + name, command: "nlft-sample --quiet --model model --max-tokens 1 good.jsonl",
      status: status, says: "model/model.safetensors: " + says, room: room
    ) { folder in
      try folder.writeModel(replacing: "model.safetensors", by: bytes())
    }
  }

  /// A file with a header and `data` zero bytes behind it.
  private static func file(_ header: String, data: Int = 0) -> [UInt8] {
    length(UInt64(header.utf8.count)) + Array(header.utf8) + [UInt8](repeating: 0, count: data)
  }

  private static func length(_ length: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
  }

  private static func tensor(_ name: String, _ type: String, _ shape: String, _ offsets: String) -> String {
    #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}"#
  }

  static let safetensors = [
    model("empty", "not a safetensors file: 0 bytes, and the length of the header alone takes 8") { [] },
    model("header longer than the file", "the header should take 1000 bytes, but only 2 follow") {
      length(1000) + Array("{}".utf8)
    },
    model(
      "header of 2^64 - 1 bytes",
      "not a safetensors file: the header would take 18446744073709551615 bytes, more than the 100000000 allowed"
    ) { length(.max) + Array("{}".utf8) },
    model(
      "header above 100 MB",
      "not a safetensors file: the header would take 100000001 bytes, more than the 100000000 allowed"
    ) { length(100_000_001) + Array("{}".utf8) },
    model("deep header", "the header is not JSON: \(deepest) at byte 770") {
      let header = HostileBytes.deep()
      return length(UInt64(header.count)) + header
    },
    model("header of many values", "the header is not JSON: too many values for 20000003 bytes at byte 2231434") {
      let header = Array("[0".utf8) + HostileBytes.repeated(",0", 10_000_000) + Array("]".utf8)
      return length(UInt64(header.count)) + header
    },
    model("header of many tensors", "the header is not JSON: too many values for 23088891 bytes at byte 5517432") {
      let tensors = (0..<400_000).map { tensor("t\($0)", "U8", "[0]", "[0,0]") }
      return file("{\(tensors.joined(separator: ","))}")
    },
    model(
      "shape that wraps to 0",
      #"tensor "a": the shape [4294967296, 4294967296] holds more bytes than can be counted"#
    ) { file("{\(tensor("a", "U8", "[4294967296,4294967296]", "[0,0]"))}") },
    model("size of 2^63", #"tensor "a": the shape [9223372036854775808] is not a list of sizes"#) {
      file("{\(tensor("a", "U8", "[9223372036854775808]", "[0,0]"))}")
    },
    model("overlap", #"tensor "b": starts at byte 2 of the data and overlaps another"#) {
      file("{\(tensor("a", "U8", "[4]", "[0,4]")),\(tensor("b", "U8", "[4]", "[2,6]"))}", data: 6)
    },
    model("reversed offsets", #"tensor "a": the offsets 4 to 0 run backwards"#) {
      file("{\(tensor("a", "U8", "[4]", "[4,0]"))}", data: 4)
    },
    model("hole", #"tensor "b": starts at byte 6 of the data, after a hole of 2 bytes"#) {
      file("{\(tensor("a", "U8", "[4]", "[0,4]")),\(tensor("b", "U8", "[2]", "[6,8]"))}", data: 8)
    },
    model("trailing bytes", "3 bytes follow the last tensor") {
      file("{\(tensor("a", "U8", "[4]", "[0,4]"))}", data: 7)
    },
    model("end beyond the file", #"tensor "a": ends at byte 4611686018427387904 of the data, which has 4 bytes"#) {
      file("{\(tensor("a", "U8", "[4611686018427387904]", "[0,4611686018427387904]"))}", data: 4)
    },
    model("tensor that stands twice", #"the header is not JSON: the key "a" stands twice at byte 54"#) {
      file("{\(tensor("a", "U8", "[1]", "[0,1]")),\(tensor("a", "U8", "[1]", "[1,2]"))}", data: 2)
    },
    model("names that Unicode takes for one", "tensor \"e\u{301}\": another has the same name") {
      file("{\(tensor("\u{E9}", "U8", "[1]", "[0,1]")),\(tensor("e\u{301}", "U8", "[1]", "[1,2]"))}", data: 2)
    },
    model("Git LFS pointer", "is a Git LFS pointer, expected the file itself (git lfs pull)") {
      HostileBytes.gitPointer
    },
    HostileFile(
      name: "safetensors: a directory", command: "nlft-sample --quiet --model model --max-tokens 1 good.jsonl",
      status: 66, says: "model/model.safetensors: is a directory"
    ) { folder in
      try folder.writeModel(replacing: "model.safetensors", by: nil)
      try folder.folder("model/model.safetensors")
    },
    HostileFile(
      name: "safetensors: a header of 100 MB in a file of 10 GB",
      command: "nlft-sample --quiet --model model --max-tokens 1 good.jsonl", status: 65,
      says: "model/model.safetensors: the header is not JSON: found byte 0x0 where a value is expected at byte 1"
    ) { folder in
      try folder.writeModel(replacing: "model.safetensors", by: nil)
      try folder.writeSparse(length(100_000_000), size: 10 << 30, to: "model/model.safetensors")
    },
  ]

  // MARK: Shards

  private static func index(
    _ name: String, status: Int = 65, _ says: String, _ bytes: @escaping @Sendable () -> [UInt8]
  ) -> HostileFile {
    HostileFile(
      name: "index: " + name, command: "nlft-sample --quiet --model model --max-tokens 1 good.jsonl", status: status,
      says: "model/" + says
    ) { folder in
      try folder.writeModel(replacing: "model.safetensors", by: nil)
      try folder.folder("model/folder.safetensors")
      try folder.write(bytes(), to: "model/model.safetensors.index.json")
    }
  }

  private static func map(_ shard: String) -> [UInt8] {
    Array(#"{"weight_map":{"model.norm.weight":"\#(shard)"}}"#.utf8)
  }

  private static func plainName(_ shard: String) -> String {
    "model.safetensors.index.json: the shard of model.norm.weight is \(shard), expected a plain file name"
  }

  static let indices = [
    index("missing shard", status: 66, "gone.safetensors: cannot be opened: No such file or directory") {
      map("gone.safetensors")
    },
    index("path upwards", plainName(#""../other.safetensors""#)) { map("../other.safetensors") },
    index("absolute path", plainName(#""/etc/passwd""#)) { map("/etc/passwd") },
    index("the folder above", plainName(#""..""#)) { map("..") },
    index("zero byte", plainName(#""a\u0000b""#)) { map("a\\u0000b") },
    index("number", plainName("7")) { Array(#"{"weight_map":{"model.norm.weight":7}}"#.utf8) },
    index("directory as a shard", status: 66, "folder.safetensors: is a directory") { map("folder.safetensors") },
    index("deep", "model.safetensors.index.json: not JSON: \(deepest) at byte 783") {
      HostileBytes.deep(#"{"weight_map":"#)
    },
    index(
      "tensor that stands twice", #"model.safetensors.index.json: not JSON: the key "a" stands twice at byte 24"#
    ) { Array(#"{"weight_map":{"a":"b","a":"b"}}"#.utf8) },
    index(
      "Git LFS pointer", "model.safetensors.index.json: a Git LFS pointer, expected the file itself (git lfs pull)"
    ) { HostileBytes.gitPointer },
  ]

  // MARK: Archives

  private static func archive(
    _ name: String, status: Int = 65, bytes count: Int? = nil, offset: Int = 0, _ says: String,
    room: Int = 48 << 20, _ bytes: @escaping @Sendable () -> [UInt8]
  ) -> HostileFile {
    HostileFile(
      name: "archive: " + name,
      command: "nlft-saliency --quiet --method nlft --archive loss.safetensors.zst judged.jsonl", status: status,
      says: "judged.jsonl: line 1: id 1: " + says, room: room
    ) { folder in
      let bytes = bytes()
      try folder.write(bytes, to: "scores.zst")
      let scores = #"{"archive":"scores.zst","offset":\#(offset),"bytes":\#(count ?? bytes.count)}"#
      try folder.write(
        #"{"id":1,"question":"q","output":"1","correct":true,"tokens":{"base":[4],"output":[5]},"scores":\#(scores)}"#,
        to: "judged.jsonl")
    }
  }

  private static let place = "scores.zst at offset 0: "

  /// A frame with a content checksum of which nothing but the header need be right.
  private static func frame(declaring size: UInt64, blocks: [UInt8]) -> [UInt8] {
    // Frame header descriptor: 8 bytes of content size, one segment, checksum.
    [0x28, 0xB5, 0x2F, 0xFD, 0b1110_0100] + length(size) + blocks + [0, 0, 0, 0]
  }

  /// Blocks of 128 KiB of one byte, four bytes each.
  private static func runs(_ count: Int) -> [UInt8] {
    (0..<count).flatMap { block -> [UInt8] in
      let header = (1 << 17) << 3 | 1 << 1 | (block == count - 1 ? 1 : 0)
      return [UInt8(header & 255), UInt8(header >> 8 & 255), UInt8(header >> 16 & 255), 0]
    }
  }

  static let archives = [
    archive("empty", bytes: 9, place + "the frame should take 9 bytes, but the archive has 0 bytes in all") { [] },
    archive(
      "frame beyond the end", bytes: 4_611_686_018_427_387_904,
      place + "the frame should take 4611686018427387904 bytes, but the archive has 40 bytes in all"
    ) { [UInt8](repeating: 0, count: 40) },
    archive(
      "offset and length that wrap", bytes: .max, offset: .max,
      #"field "scores": offset 9223372036854775807 and length 9223372036854775807 are beyond any file"#
    ) { [] },
    archive("no frame", place + "no zstd frame starts here") { [UInt8](repeating: 0, count: 40) },
    archive("skippable frame", place + "no zstd frame starts here") { StoredStreams.skippableFrame },
    archive("no checksum", place + "the zstd frame has no content checksum (zstd --check makes one)") {
      StoredStreams.zstd(Array("{}".utf8))
    },
    archive("torn", place + "the zstd frame is torn or damaged: Src size is incorrect") {
      Array(frame(declaring: 1 << 17, blocks: runs(1)).dropLast(3))
    },
    archive("wrong checksum", place + "the zstd frame is damaged: Restored data doesn't match checksum") {
      frame(declaring: 1 << 17, blocks: runs(1))
    },
    archive("8 EB", place + "the zstd frame declares 9223372036854775808 bytes, more than the 1073741824 allowed") {
      frame(declaring: 1 << 63, blocks: runs(1))
    },
    archive(
      "1 GB from 32 KB",
      place + "the zstd frame declares 1073741824 bytes, more than the 33685572 that tensors in 32785 bytes can be"
    ) { frame(declaring: 1 << 30, blocks: runs(1 << 13)) },
    archive("32 MB from 1 KB", place + "the zstd frame is damaged: Restored data doesn't match checksum") {
      frame(declaring: 32 << 20, blocks: runs(256))
    },
    archive("more content than declared", place + "the zstd frame is damaged: Destination buffer is too small") {
      frame(declaring: 1 << 17, blocks: runs(100))
    },
    archive(
      "a window of 2 TB", place + "the zstd frame is torn or damaged: Frame requires too much memory for decoding"
    ) {
      // No content size, no single segment: the window descriptor of the largest window.
      [0x28, 0xB5, 0x2F, 0xFD, 0b0000_0100, 0xFF] + runs(1) + [0, 0, 0, 0]
    },
    archive("Git LFS pointer", place + "no zstd frame starts here") { HostileBytes.gitPointer },
  ]
}
