using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Gateway.Protocol.Protobuf;
using Gateway.TestSupport.Grpc;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>One gRPC stream that sends numbers at a steady rate and checks that each is answered with the next number, or refused, in its turn.</summary>
internal sealed class StreamOfNumbers
{
    public int Good { get; private set; }

    public int Refused { get; private set; }

    public List<string> Problems { get; } = [];

    public static async Task<StreamOfNumbers> RunAsync(GrpcChannel channel, long first, int count, double rate)
    {
        StreamOfNumbers stream = new();
        using GrpcCall call = channel.Open(InferCodec.StreamPath);
        Task reading = stream.ReadAsync(call, first, count);
        long start = TimeProvider.System.GetTimestamp();
        for (int i = 0; i < count; i++)
        {
            TimeSpan early = TimeSpan.FromSeconds(i / rate) - TimeProvider.System.GetElapsedTime(start);
            if (early > TimeSpan.FromMilliseconds(1)) await Task.Delay(early, TimeProvider.System);
            await call.WriteAsync(Request(first + i));
        }

        call.Close();
        await reading;
        if (await call.ReadAsync() is not null) stream.Problems.Add("an answer more than there were requests");
        if (await call.StatusAsync() is var status and not 0) stream.Problems.Add($"the stream ended with {status}");
        return stream;
    }

    /// <summary>Asks for the number after a number over a stream of its own, which is ended after the answer.</summary>
    /// <returns>The error, empty for none, and the number.</returns>
    public static async Task<(string Error, long Number)> AskAsync(GatewayProcess asked, long number, string? cacheControl = null, string? inferenceTimeout = null)
    {
        using GrpcChannel channel = new(asked.GrpcAddress);
        using GrpcCall call = channel.Open(InferCodec.StreamPath, cacheControl: cacheControl, inferenceTimeout: inferenceTimeout);
        await call.WriteAsync(Request(number));
        byte[]? message = await call.ReadAsync();
        call.Close();
        Assert.NotNull(message);
        (string error, _, long got, _, _) = Read(message);
        return (error, got);
    }

    private async Task ReadAsync(GrpcCall call, long first, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (await call.ReadAsync() is not { } bytes)
            {
                Problems.Add($"{count - i} answers are missing");
                return;
            }

            Note(bytes, first + i);
        }
    }

    private void Note(ReadOnlySpan<byte> message, long number)
    {
        (string error, string id, long got, bool isLast, bool saysWhy) = Read(message);
        if (id != number.ToString(CultureInfo.InvariantCulture)) Problems.Add($"an answer to '{id}' in the place of {number}");
        if (error.Length > 0)
        {
            Refused++;
            if (!saysWhy && !error.Contains("timeout", StringComparison.Ordinal)) Problems.Add($"'{error}' comes without its reason, or when to come back");
            if (!error.Contains("deadline", StringComparison.Ordinal) && !error.Contains("no replica", StringComparison.Ordinal) && !error.Contains("timeout", StringComparison.Ordinal)) Problems.Add(error);
            return;
        }

        Good++;
        if (got != number + 1) Problems.Add($"{number} came back as {got}");
        if (!isLast) Problems.Add($"the answer to {number} is not said to be the last");
    }

    /// <summary>Reads a <c>ModelStreamInferResponse</c>, by Triton's numbers of fields.</summary>
    internal static (string Error, string Id, long Number, bool IsLast, bool SaysWhy) Read(ReadOnlySpan<byte> message)
    {
        (string error, string id, long number, bool isLast, bool hasReason, bool hasTime) = ("", "", 0, false, false, false);
        ProtobufReader outer = new(message);
        while (outer.ReadTag() is var field and not 0)
        {
            ReadOnlySpan<byte> content = outer.ReadBytes();
            if (field >> 3 == 1) error = Encoding.UTF8.GetString(content);
            if (field >> 3 != 2) continue;
            ProtobufReader inner = new(content);
            while (inner.ReadTag() is var tag and not 0)
            {
                ReadOnlySpan<byte> value = inner.ReadBytes();
                if (tag >> 3 == 3) id = Encoding.UTF8.GetString(value);
                if (tag >> 3 == 4) hasReason |= value.IndexOf("refusal"u8) >= 0;
                if (tag >> 3 == 4) hasTime |= value.IndexOf("retry_after_ms"u8) >= 0;
                if (tag >> 3 == 4) isLast |= value.IndexOf("triton_final_response"u8) >= 0;
                if (tag >> 3 == 6) number = BitConverter.ToInt64(value);
            }
        }

        return (error, id, number, isLast, hasReason && hasTime);
    }

    /// <summary>A request with its prefix, of a stream or not.</summary>
    internal static byte[] Request(long number)
    {
        byte[] frame = new byte[256];
        Span<byte> input = stackalloc byte[32];
        ProtobufWriter writer = new(input);
        writer.WriteText(1, "x"u8);
        writer.WriteText(2, "INT64"u8);
        writer.WriteText(3, [1, 1]);
        input = input[..writer.Position];
        writer = new ProtobufWriter(frame.AsSpan(InferCodec.PrefixBytes));
        writer.WriteText(1, "timed"u8);
        writer.WriteText(3, Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture)));
        writer.WriteText(5, input);
        writer.WriteText(7, BitConverter.GetBytes(number));
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), writer.Position);
        return frame[..(InferCodec.PrefixBytes + writer.Position)];
    }
}
