using Gateway.Protocol.MessagePack;
using Gateway.TestSupport.MessagePack;

namespace Gateway.UnitTests.MessagePack;

public sealed class AllocationTests
{
    private readonly byte[] _memory = new byte[4096];
    private readonly byte[] _tensor = new byte[1024];

    [Fact]
    public void WriteAndRead_AllocateNothing() => Assert.Equal(0, Measure(() =>
    {
        MessagePackWriter writer = new(_memory);
        writer.WriteMapHeader(6);
        writer.WriteString("nil"u8);
        writer.WriteNil();
        writer.WriteString("bool");
        writer.WriteBoolean(true);
        writer.WriteString("é");
        writer.WriteInteger(-70_000);
        writer.WriteString("float"u8);
        writer.WriteDouble(0.5);
        writer.WriteString("shape"u8);
        writer.WriteArrayHeader(2);
        writer.WriteInteger(1UL);
        writer.WriteSingle(256);
        writer.WriteString("data"u8);
        writer.WriteBinary(_tensor);

        MessagePackReader reader = new(_memory.AsSpan(0, writer.Position));
        bool isRead = reader.TryReadMapHeader(out int entries) && entries == 6
            && reader.TryReadString(out _) && reader.TryReadNil()
            && reader.TryReadString(out _) && reader.TryReadBoolean(out _)
            && reader.TryReadString(out _) && reader.TryReadInt32(out int integer) && integer == -70_000
            && reader.TryReadString(out _) && reader.TryReadDouble(out _)
            && reader.TryReadString(out _) && reader.TryReadArrayHeader(out _) && reader.TryReadUInt64(out _) && reader.TryReadDouble(out _)
            && reader.TryReadStringUnchecked(out _) && reader.TryReadBinary(out _) && reader.IsAtEnd;
        if (!isRead) throw new InvalidOperationException($"{reader.Failure} at {reader.Position}");
    }));

    [Fact]
    public void Read_DamagedMessages_AllocatesNothing()
    {
        RandomMessages values = new(new Random(9));
        byte[][] messages = [.. Enumerable.Range(0, 200).Select(_ => values.Damage(MessageTree.Write(values.Value(2))))];

        Assert.Equal(0, Measure(() =>
        {
            foreach (byte[] message in messages)
            {
                MessagePackReader reader = new(message);
                reader.TrySkip();
                reader.TryReadString(out _);
                reader.TryReadInt32(out _);
            }
        }));
    }

    private static long Measure(Action act)
    {
        long allocated = 0;
        for (int round = 0; round < 3; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++) act();

            // The last round counts: by then everything is compiled.
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        return allocated;
    }
}
