using Gateway.Core.Models.Configuration;
using Gateway.Core.Models.Configuration.Reading;
using static Gateway.Core.Models.Configuration.Reading.ModelConfigSchema;

namespace Gateway.UnitTests.Models.Configuration.Reading;

public sealed class TextFormatReaderTests
{
    private static readonly MessageSchema Inner = new("Inner", Int32("x"), Int64("many").Many());

    private static readonly MessageSchema Schema = new(
        "Outer",
        Text("text"), Bool("flag"), Int32("i32"), Int64("i64"), UInt32("u32"), UInt64("u64"), new FieldSchema("float", FieldKind.Double),
        Enum("choice", new EnumSchema("Choice", ("ONE", 1), ("TWO", 2))),
        Message("inner", Inner), Message("inners", Inner).Many(),
        Message("left", Inner).In("side"), Message("right", Inner).In("side"),
        TextMap("map"), Map("levels", UInt64("key"), Message("value", Inner)));

    [Theory]
    [InlineData("text: 'a'", "a")]
    [InlineData("text: \"a\" 'b'\n\"c\"", "abc")]
    [InlineData(@"text: '\a\b\f\n\r\t\v\?\'\""\\'", "\a\b\f\n\r\t\v?'\"\\")]
    [InlineData(@"text: '\101\60\x41\x7e\X42'", "A0A~B")]
    [InlineData(@"text: '\303\251'", "é")]
    [InlineData(@"text: '\303' '\251'", "é")]
    [InlineData(@"text: '\u00e9\U0001F600'", "é😀")]
    [InlineData(@"text: '\ud83d\ude00'", "😀")]
    [InlineData("text: 'é'", "é")]
    [InlineData("text: ''", "")]
    public void Read_Strings_AreUnescaped(string text, string expected) => Assert.Equal(expected, Read(text).Text("text"));

    [Theory]
    [InlineData(@"text: 'ab\q'", "t:1:10: unknown escape '\\q' in a string")]
    [InlineData(@"text: '\x'", "t:1:8: '\\x' must be followed by one or two hexadecimal digits")]
    [InlineData(@"text: '\u12'", "t:1:8: '\\u' must be followed by 4 hexadecimal digits")]
    [InlineData(@"text: '\U0000004'", "t:1:8: '\\U' must be followed by 8 hexadecimal digits")]
    [InlineData(@"text: '\U00110000'", "t:1:8: U+110000 is not a character")]
    [InlineData(@"text: '\ud83d'", "t:1:8: U+D83D is not a character")]
    [InlineData(@"text: '\477'", "t:1:8: an octal escape must be at most \\377")]
    [InlineData(@"text: '\377'", "t:1:7: the string of 'text' is not UTF-8")]
    [InlineData("text: abc", "t:1:7: 'text' takes a quoted string but found 'abc'")]
    [InlineData("text: 5", "t:1:7: 'text' takes a quoted string but found '5'")]
    public void Read_BadStrings_AreRefused(string text, string expected) => Assert.Equal(expected, Error(text));

    [Theory]
    [InlineData("i32: -2147483648", -2147483648L)]
    [InlineData("i32: 0x7fffffff", 2147483647L)]
    [InlineData("i32: 017", 15L)]
    [InlineData("i32: - 5", -5L)]
    [InlineData("i32: 0", 0L)]
    public void Read_Integers_AreRead(string text, long expected) => Assert.Equal(expected, Read(text).Int("i32"));

    [Fact]
    public void Read_WidestIntegers_AreRead()
    {
        ConfigMessage message = Read("u64: 18446744073709551615 i64: -9223372036854775808 u32: 4294967295");

        Assert.Equal(ulong.MaxValue, message.UInt64("u64"));
        Assert.Equal(long.MinValue, message.Int("i64"));
        Assert.Equal(uint.MaxValue, message.Int("u32"));
    }

    [Theory]
    [InlineData("i32: 2147483648", "t:1:6: 2147483648 is out of range for 'i32' (-2147483648 to 2147483647)")]
    [InlineData("u32: -1", "t:1:6: -1 is out of range for 'u32' (0 to 4294967295)")]
    [InlineData("u64: 18446744073709551616", "t:1:6: '18446744073709551616' is out of range for 'u64'")]
    [InlineData("i64: 9223372036854775808", "t:1:6: 9223372036854775808 is out of range for 'i64' (-9223372036854775808 to 9223372036854775807)")]
    [InlineData("i32: 089", "t:1:6: '089' starts with 0, so it is octal, and '8' is no octal digit")]
    [InlineData("i32: 1.5", "t:1:6: 'i32' takes an integer but found '1.5'")]
    [InlineData("i32: 'a'", "t:1:6: 'i32' takes an integer but found ''a''")]
    [InlineData("i32: }", "t:1:6: 'i32' takes an integer but found '}'")]
    [InlineData("i32:", "t:1:5: 'i32' takes an integer but found the end of the file")]
    public void Read_BadIntegers_AreRefused(string text, string expected) => Assert.Equal(expected, Error(text));

    [Theory]
    [InlineData("float: 1.5", 1.5)]
    [InlineData("float: -2e3f", -2000.0)]
    [InlineData("float: 7", 7.0)]
    [InlineData("float: inf", double.PositiveInfinity)]
    [InlineData("float: -Infinity", double.NegativeInfinity)]
    [InlineData("float: NaN", double.NaN)]
    [InlineData("float: 100000000000000000000", 1e20)]
    public void Read_Floats_AreRead(string text, double expected) => Assert.Equal(expected, Read(text).All<double>("float")[0]);

    [Theory]
    [InlineData("true", true)]
    [InlineData("True", true)]
    [InlineData("t", true)]
    [InlineData("1", true)]
    [InlineData("false", false)]
    [InlineData("False", false)]
    [InlineData("f", false)]
    [InlineData("0", false)]
    public void Read_Bools_AreRead(string text, bool expected) => Assert.Equal(expected, Read($"flag: {text}").Bool("flag"));

    [Theory]
    [InlineData("choice: TWO", 2L)]
    [InlineData("choice: 1", 1L)]
    public void Read_Enums_ByNameOrNumber(string text, long expected) => Assert.Equal(expected, Read(text).Int("choice"));

    [Theory]
    [InlineData("inner { x: 1 }")]
    [InlineData("inner: { x: 1 }")]
    [InlineData("inner < x: 1 >")]
    [InlineData("inner: < x: 1, >;")]
    [InlineData("inner { x: 1; },")]
    public void Read_Messages_InEveryNotation(string text) => Assert.Equal(1, Read(text).Message("inner")!.Int("x"));

    [Theory]
    [InlineData("inners [ { x: 1 }, { x: 2 } ]")]
    [InlineData("inners: [ < x: 1 >, { x: 2 } ]")]
    [InlineData("inners { x: 1 } inners: { x: 2 }")]
    [InlineData("inners [ ] inners [ { x: 1 } ] inners { x: 2 }")]
    public void Read_RepeatedMessages_InEveryNotation(string text) =>
        Assert.Equal([1, 2], Read(text).All<ConfigMessage>("inners").Select(m => m.Int("x")));

    [Theory]
    [InlineData("many: [1, 2, 3]")]
    [InlineData("many: 1 many: 2 many: 3")]
    [InlineData("many: [1] many: [2, 3] many: []")]
    public void Read_RepeatedScalars_InEveryNotation(string text) =>
        Assert.Equal([1L, 2L, 3L], Read($"inner {{ {text} }}").Message("inner")!.All<long>("many"));

    [Fact]
    public void Read_Maps_KeepKeysAndDefaults()
    {
        ConfigMessage message = Read("map { key: 'a' value: 'b' } map: [ { value: 'no key' }, { key: 'no value' } ] levels { key: 2 value { x: 5 } } levels { key: 3 }");

        Assert.Equal(new Dictionary<string, string> { ["a"] = "b", [""] = "no key", ["no value"] = "" }, message.TextMap("map"));
        Assert.Equal([(2UL, 5L), (3UL, 0L)], message.MessageMap("levels").Select(e => ((ulong)e.Key, e.Value.Int("x"))));
    }

    [Theory]
    [InlineData("txet: 'a'", "t:1:1: unknown field 'txet' in Outer: did you mean 'text'? Known fields: text, flag, i32, i64, u32, u64, float, choice, inner, inners, left, right, map, levels.")]
    [InlineData("inner {\n  zzz: 1 }", "t:2:3: unknown field 'zzz' in Inner. Known fields: x, many.")]
    [InlineData("choice: TOW", "t:1:9: unknown value 'TOW' of Choice. Known values: ONE, TWO.")]
    [InlineData("choice: 3", "t:1:9: unknown value '3' of Choice. Known values: ONE, TWO.")]
    [InlineData("choice: 'ONE'", "t:1:9: 'choice' takes one of ONE, TWO but found ''ONE''")]
    [InlineData("flag: yes", "t:1:7: 'flag' takes true or false but found 'yes'")]
    [InlineData("flag: 2", "t:1:7: 'flag' takes true or false but found '2'")]
    [InlineData("i32: 1 i32: 2", "t:1:8: 'i32' is given more than once")]
    [InlineData("inner {} inner {}", "t:1:10: 'inner' is given more than once")]
    [InlineData("left {} right {}", "t:1:9: 'right' cannot be given together with 'left': both choose the side")]
    [InlineData("map { key: 'a' }\nmap { key: 'a' }", "t:2:1: 'map[\"a\"]' is given more than once")]
    [InlineData("i32 1", "t:1:5: expected ':' after 'i32' but found '1'")]
    [InlineData("inner { many [1] }", "t:1:14: expected ':' after 'many' but found '['")]
    [InlineData("i32: [1]", "t:1:6: 'i32' takes a single value, not a list")]
    [InlineData("inner [ { } ]", "t:1:7: 'inner' takes a single value, not a list")]
    [InlineData("inner { many: [1 2] }", "t:1:18: expected ',' or ']' in 'many' (its '[' is at 1:15) but found '2'")]
    [InlineData("inner { many: [1,] }", "t:1:18: 'many' takes an integer but found ']'")]
    [InlineData("inner { many: [[1]] }", "t:1:16: 'many' takes an integer but found '['")]
    [InlineData("inner: 5", "t:1:8: expected '{' to begin 'inner' but found '5'")]
    [InlineData("inner {\nx: 1", "t:2:5: expected a field of Inner or '}' (its '{' is at 1:7) but found the end of the file")]
    [InlineData("inner { x: 1 >", "t:1:14: expected a field of Inner or '}' (its '{' is at 1:7) but found '>'")]
    [InlineData("}", "t:1:1: expected a field of Outer but found '}'")]
    [InlineData("[ext.name]: 1", "t:1:1: expected a field of Outer but found '['")]
    [InlineData("i32: 1,, i64: 1", "t:1:8: expected a field of Outer but found ','")]
    [InlineData("float: x", "t:1:8: 'float' takes a number but found 'x'")]
    public void Read_Mistakes_SayWhereAndWhat(string text, string expected) => Assert.Equal(expected, Error(text));

    [Fact]
    public void Read_NestedBeyondTheSchema_IsRefusedAtOnce()
    {
        string text = string.Concat(Enumerable.Repeat("inner { ", 100_000));

        Assert.StartsWith("t:1:9: unknown field 'inner' in Inner", Error(text), StringComparison.Ordinal);
    }

    private static ConfigMessage Read(string text) => TextFormatReader.Read(text, "t", Schema);

    private static string Error(string text) => Assert.Throws<ModelConfigException>(() => Read(text)).Message;
}
