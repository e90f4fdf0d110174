@main struct Step { static func main() {} }
