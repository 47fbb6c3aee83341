using Gateway.Core.Models.Configuration;
using Gateway.Core.Models.Configuration.Reading;

namespace Gateway.UnitTests.Models.Configuration.Reading;

public sealed class TextTokenizerTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData(" \t\r\n\v\f", "")]
    [InlineData("# only a comment", "")]
    [InlineData("a#b\nc", "Identifier a|Identifier c")]
    [InlineData("_a1 A_", "Identifier _a1|Identifier A_")]
    [InlineData("a:b", "Identifier a|Symbol :|Identifier b")]
    [InlineData("{}<>[],;-", "Symbol {|Symbol }|Symbol <|Symbol >|Symbol [|Symbol ]|Symbol ,|Symbol ;|Symbol -")]
    [InlineData("0 12 017 0x1F 0Xab", "Integer 0|Integer 12|Integer 017|Integer 0x1F|Integer 0Xab")]
    [InlineData("1.5 .5 5. 1e3 1E-3 1.5e+3 2f 2.5F", "Float 1.5|Float .5|Float 5.|Float 1e3|Float 1E-3|Float 1.5e+3|Float 2f|Float 2.5F")]
    [InlineData("-1", "Symbol -|Integer 1")]
    [InlineData("'a' \"b\"", "String 'a'|String \"b\"")]
    [InlineData("'it\\'s' \"say \\\"x\\\"\" '\\\\'", "String 'it\\'s'|String \"say \\\"x\\\"\"|String '\\\\'")]
    [InlineData("'#not a comment'", "String '#not a comment'")]
    [InlineData("1,2", "Integer 1|Symbol ,|Integer 2")]
    public void Next_Text_GivesTokens(string text, string expected)
    {
        TextTokenizer tokenizer = new(text, "t");
        List<string> tokens = [];
        for (TextToken token = tokenizer.Next(); token.Kind != TextTokenKind.End; token = tokenizer.Next()) tokens.Add($"{token.Kind} {token.Text}");

        Assert.Equal(expected, string.Join('|', tokens));
    }

    [Theory]
    [InlineData("@", "t:1:1: unexpected character '@'")]
    [InlineData("a\n  $", "t:2:3: unexpected character '$'")]
    [InlineData("a\0", "t:1:2: unexpected character '\\u0000'")]
    [InlineData("0x", "t:1:1: '0x' must be followed by hexadecimal digits")]
    [InlineData("1e", "t:1:1: the exponent has no digits")]
    [InlineData("1e+", "t:1:1: the exponent has no digits")]
    [InlineData("12abc", "t:1:3: a number cannot be followed by 'a'")]
    [InlineData("0x1g", "t:1:4: a number cannot be followed by 'g'")]
    [InlineData("1.2.3", "t:1:4: a number cannot be followed by '.'")]
    [InlineData("'abc", "t:1:1: the string has no closing quote")]
    [InlineData("'abc\\", "t:1:1: the string has no closing quote")]
    [InlineData("'abc\\'", "t:1:1: the string has no closing quote")]
    [InlineData("'ab\nc'", "t:1:1: a string cannot run over the end of its line")]
    [InlineData("'ab\\\nc'", "t:1:1: a string cannot run over the end of its line")]
    public void Next_NoToken_SaysWhere(string text, string expected)
    {
        TextTokenizer tokenizer = new(text, "t");

        ModelConfigException exception = Assert.Throws<ModelConfigException>(() =>
        {
            while (tokenizer.Next().Kind != TextTokenKind.End)
            {
            }
        });

        Assert.Equal(expected, exception.Message);
    }

    [Fact]
    public void Next_SeveralLines_CountsFromOne()
    {
        TextTokenizer tokenizer = new("a\r\n\tb # c\n\n d", "t");

        Assert.Equal(
            [new ConfigPosition(1, 1), new ConfigPosition(2, 2), new ConfigPosition(4, 2)],
            [tokenizer.Next().Position, tokenizer.Next().Position, tokenizer.Next().Position]);
    }
}
