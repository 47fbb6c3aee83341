using System.Text;
using System.Text.Json;
using Gateway.Protocol;
using Gateway.Server.OpenInference;

namespace Gateway.UnitTests.OpenInference;

/// <summary>The JSON reader against System.Text.Json: what one takes, the other takes.</summary>
public sealed class JsonCursorTests
{
    private const int Documents = 30_000;

    [Fact]
    public void SkipValue_RandomDocuments_AcceptsWhatSystemTextJsonDoes()
    {
        const int Seed = 3;
        Random random = new(Seed);
        int accepted = 0;
        for (int i = 0; i < Documents; i++)
        {
            byte[] document = Encoding.UTF8.GetBytes(RandomJson.Value(random, 5));
            if (i % 3 > 0) document = RandomJson.Mutate(random, document);
            if (!IsComparable(document)) continue;
            bool expected = IsJson(document);
            bool actual = IsTaken(document);
            if (expected) accepted++;
            Assert.True(expected == actual, $"document {i} of seed {Seed}: taken {actual}: {Encoding.UTF8.GetString(document)}");
        }

        Assert.InRange(accepted, Documents / 10, Documents);
    }

    [Fact]
    public void ReadString_RandomStrings_ResolvesThemAsSystemTextJsonDoes()
    {
        const int Seed = 5;
        Random random = new(Seed);
        for (int i = 0; i < Documents; i++)
        {
            byte[] document = Encoding.UTF8.GetBytes(RandomJson.String(random));
            JsonCursor cursor = new(document);

            JsonString actual = cursor.ReadString();

            string expected = JsonDocument.Parse(document).RootElement.GetString()!;
            byte[] copied = new byte[actual.Raw.Length];
            int length = actual.CopyTo(copied);
            Assert.True(expected == actual.ToString() && expected == Encoding.UTF8.GetString(copied, 0, length), $"string {i} of seed {Seed}: {Encoding.UTF8.GetString(document)}");
            Assert.True(actual.Is(Encoding.UTF8.GetBytes(expected)) && !actual.Is(Encoding.UTF8.GetBytes(expected + "x")), $"string {i} of seed {Seed}");
        }
    }

    [Theory]
    [InlineData(1024, true)]
    [InlineData(1025, false)]
    public void SkipValue_Nesting_EndsAtTheLimit(int levels, bool isTaken)
    {
        string arrays = new string('[', levels) + new string(']', levels);
        string objects = string.Concat(Enumerable.Repeat("{\"a\":", levels)) + "1" + new string('}', levels);

        Assert.Equal((isTaken, isTaken), (IsTaken(Encoding.UTF8.GetBytes(arrays)), IsTaken(Encoding.UTF8.GetBytes(objects))));
    }

    /// <summary>Leaves out where the two differ on purpose: bytes that are not UTF-8, half surrogates, and the NaN tokens.</summary>
    private static bool IsComparable(byte[] document)
    {
        if (!System.Text.Unicode.Utf8.IsValid(document)) return false;
        string text = Encoding.UTF8.GetString(document);
        return !text.Contains("NaN", StringComparison.Ordinal) && !text.Contains("Inf", StringComparison.Ordinal) && !text.Contains("\\ud", StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsJson(byte[] document)
    {
        try
        {
            JsonDocument.Parse(document, new JsonDocumentOptions { MaxDepth = 1024 }).Dispose();
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool IsTaken(byte[] document)
    {
        try
        {
            JsonCursor cursor = new(document);
            cursor.SkipValue();
            cursor.ReadEnd();
            return true;
        }
        catch (InferenceException error)
        {
            Assert.Equal(StatusCode.InvalidArgument, error.Status);
            return false;
        }
    }
}
