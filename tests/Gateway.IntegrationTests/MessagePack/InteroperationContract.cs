using Gateway.Protocol.MessagePack;
using Gateway.TestSupport.MessagePack;

namespace Gateway.IntegrationTests.MessagePack;

/// <summary>What our codec and another implementation agree on.</summary>
public abstract class InteroperationContract(Oracle oracle)
{
    private const int Values = 3000;
    private const int Damages = 5;
    private const int TimeoutMilliseconds = 120_000;

    // Damage grows nothing, so these are enough; the others have long strings, which hold no surprise.
    private const int MostDamagedBytes = 2000;

    /// <summary>Whether the other tells whole floats from integers.</summary>
    protected abstract bool HasWholeFloats { get; }

    [Fact(Timeout = TimeoutMilliseconds)]
    public async Task TheyDecode_WhatWeWrite()
    {
        const int Seed = 21;
        RandomMessages random = new(new Random(Seed)) { HasSingles = true, HasWholeFloats = HasWholeFloats };
        object?[] values = Generate(random);

        string[] answers = await oracle.AskAsync([.. values.Select(value => $"decode {Hex(MessageTree.Write(value))}")]);

        for (int i = 0; i < values.Length; i++) AssertSame(MessageTree.Describe(values[i]), answers[i], i, Seed);
    }

    [Fact(Timeout = TimeoutMilliseconds)]
    public async Task WeRead_WhatTheyEncode()
    {
        const int Seed = 22;
        RandomMessages random = new(new Random(Seed)) { HasExtensions = true, HasWholeFloats = HasWholeFloats };
        string[] values = [.. Generate(random).Select(MessageTree.Describe)];

        string[] answers = await oracle.AskAsync([.. values.Select(value => $"encode {value}")]);

        for (int i = 0; i < values.Length; i++) AssertSame(values[i], MessageTree.Describe(MessageTree.Read(Convert.FromHexString(answers[i]))), i, Seed);
    }

    /// <remarks>Without floats of 32 bits: the others write all with 64.</remarks>
    [Fact(Timeout = TimeoutMilliseconds)]
    public async Task OurBytes_AreTheirs()
    {
        const int Seed = 23;
        RandomMessages random = new(new Random(Seed)) { HasWholeFloats = HasWholeFloats };

        // NaNs have many encodings, of which each side has its own favourite.
        object?[] values = [.. Generate(random).Where(value => !MessageTree.Describe(value).Contains("nan", StringComparison.Ordinal))];

        string[] answers = await oracle.AskAsync([.. values.Select(value => $"encode {MessageTree.Describe(value)}")]);

        for (int i = 0; i < values.Length; i++) AssertSame(Hex(MessageTree.Write(values[i])), answers[i], i, Seed);
    }

    [Fact(Timeout = TimeoutMilliseconds)]
    public async Task DamagedMessages_AreValidToBoth()
    {
        const int Seed = 24;
        RandomMessages random = new(new Random(Seed)) { HasSingles = true, HasWholeFloats = true };
        List<(byte[] Message, bool IsValid)> messages = [];
        foreach (byte[] message in Generate(random).Select(MessageTree.Write).Where(message => message.Length <= MostDamagedBytes))
        {
            messages.Add((message, true));
            for (int damage = 0; damage < Damages; damage++)
            {
                byte[] damaged = random.Damage(message);
                MessagePackReader reader = new(damaged);
                bool isValid = reader.TrySkip() && reader.IsAtEnd;

                // The others have no such limit, and make more of timestamps, which are of type -1.
                if (reader.Failure == MessagePackFailure.TooDeep || MayHoldTimestamp(damaged)) continue;
                messages.Add((damaged, isValid));
            }
        }

        string[] answers = await oracle.AskAsync([.. messages.Select(each => $"check {Hex(each.Message)}")]);

        for (int i = 0; i < messages.Count; i++) AssertSame(messages[i].IsValid ? "valid" : "not valid", answers[i], i, Seed, Hex(messages[i].Message));
        Assert.InRange(messages.Count(each => each.IsValid), messages.Count / 10, messages.Count * 9 / 10);
    }

    private static object?[] Generate(RandomMessages random) => [.. Enumerable.Range(0, Values).Select(_ => random.Value())];

    private static bool MayHoldTimestamp(byte[] message)
    {
        for (int i = 0; i < message.Length - 1; i++)
        {
            if (message[i] is >= 0xd4 and <= 0xd8 && message[i + 1] == 0xff) return true;
            if (message[i] is >= 0xc7 and <= 0xc9) return true;
        }

        return false;
    }

    private static void AssertSame(string expected, string actual, int index, int seed, string? message = null) =>
        Assert.True(expected == actual, $"value {index} of seed {seed}: expected {Start(expected)}, was {Start(actual)} {message}");

    private static string Start(string text) => text.Length > 2000 ? text[..2000] + "…" : text;

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
