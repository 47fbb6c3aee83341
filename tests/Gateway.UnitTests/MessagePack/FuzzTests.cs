using Gateway.Protocol.MessagePack;
using Gateway.TestSupport.MessagePack;

namespace Gateway.UnitTests.MessagePack;

/// <summary>Random values there and back; random and damaged messages, beside a reader that is plain enough to be right.</summary>
public sealed class FuzzTests
{
    private const int Values = 2000;
    private const int Damages = 10;
    private const int Noises = 50_000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Write_RandomValues_AreReadAsTheyWere(int seed)
    {
        RandomMessages values = new(new Random(seed)) { HasSingles = true, HasWholeFloats = true };
        for (int i = 0; i < Values; i++)
        {
            object? value = values.Value();

            byte[] message = MessageTree.Write(value);

            string expected = MessageTree.Describe(value);
            string actual = MessageTree.Describe(MessageTree.Read(message));
            Assert.True(expected == actual, $"value {i} of seed {seed}: {expected} was read as {actual}");
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void TrySkip_DamagedMessages_IsThatOfThePlainReader(int seed)
    {
        Random random = new(seed);
        RandomMessages values = new(random);
        int valid = 0;
        for (int i = 0; i < Values; i++)
        {
            byte[] message = MessageTree.Write(values.Value());
            if (message.Length > 2000) continue;
            for (int damage = 0; damage < Damages; damage++)
            {
                if (AssertSkipsAsThePlainReader(values.Damage(message), $"damage {damage} of value {i} of seed {seed}")) valid++;
            }
        }

        Assert.InRange(valid, Values * Damages / 10, Values * Damages * 9 / 10);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public void TrySkip_Noise_IsThatOfThePlainReader(int seed)
    {
        Random random = new(seed);
        for (int i = 0; i < Noises; i++)
        {
            byte[] message = new byte[random.Next(64)];
            random.NextBytes(message);

            // Half of the messages are mostly small maps and arrays, which nest.
            bool isNested = random.Next(2) == 0;
            for (int at = 0; at < message.Length && isNested; at++)
            {
                if (random.Next(4) > 0) message[at] = (byte)(0x80 | (message[at] & 0x13));
            }

            AssertSkipsAsThePlainReader(message, $"message {i} of seed {seed}");
        }
    }

    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    public void Reads_Noise_StayWithinTheMessage(int seed)
    {
        Random random = new(seed);
        byte[] memory = new byte[96];
        for (int i = 0; i < Noises; i++)
        {
            int length = random.Next(64);
            random.NextBytes(memory);
            MessagePackReader reader = new(memory.AsSpan(16, length));
            for (int reads = 0; reads < 100 && !reader.IsAtEnd; reads++)
            {
                int start = reader.Position;
                int read = random.Next(11);

                bool isRead = ReadAny(ref reader, read);

                string what = $"read {read} at {start} of message {i} of seed {seed}";
                Assert.True(reader.Position <= length, what);
                Assert.True(isRead ? reader.Position > start : reader.Position == start, what);
                Assert.True(isRead || reader.Failure != MessagePackFailure.None, what);
            }
        }
    }

    /// <returns>Whether the message begins with a valid value.</returns>
    private static bool AssertSkipsAsThePlainReader(byte[] message, string what)
    {
        long expected = ReferenceReader.Skip(message, 0, MessagePackReader.MostSkippedLevels);
        MessagePackReader reader = new(message);

        bool isSkipped = reader.TrySkip();

        Assert.True(isSkipped == expected >= 0, $"{what}: {Convert.ToHexStringLower(message)}");
        if (isSkipped) Assert.True(reader.Position == expected, $"{what}: {Convert.ToHexStringLower(message)}");
        else Assert.True(reader.Position <= message.Length && reader.Failure != MessagePackFailure.None, what);
        return isSkipped;
    }

    private static bool ReadAny(ref MessagePackReader reader, int read) => read switch
    {
        0 => reader.TryReadNil(),
        1 => reader.TryReadBoolean(out _),
        2 => reader.TryReadInt32(out _),
        3 => reader.TryReadInt64(out _),
        4 => reader.TryReadUInt64(out _),
        5 => reader.TryReadDouble(out _),
        6 => reader.TryReadString(out _),
        7 => reader.TryReadBinary(out _),
        8 => reader.TryReadArrayHeader(out _),
        9 => reader.TryReadMapHeader(out _),
        _ => reader.TryReadExtension(out _, out _),
    };
}
