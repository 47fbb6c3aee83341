using System.Buffers;
using System.IO.Pipelines;
using BenchmarkDotNet.Attributes;
using Gateway.Benchmarks.Scheduling;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;
using Gateway.Server.Frames;
using Gateway.Server.Hosting;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Benchmarks.Frames;

/// <summary>Calls on one connection of frames, without sockets: pipes stand for them. The model costs nothing.</summary>
[MemoryDiagnoser]
public class FrameConnectionBenchmarks
{
    private const int Operations = 64;
    private const long PoolBytes = 16L << 20;

    private readonly ArrayBufferWriter<byte> _calls = new();
    private BlockPool _pool = null!;
    private NoOpModel _model = null!;
    private Pipe _toServer = null!;
    private Pipe _toClient = null!;
    private Task _serving = null!;

    [GlobalSetup]
    public void Setup()
    {
        _pool = new BlockPool(PoolBytes, lockPages: false);
        _model = new NoOpModel(_pool, Operations);
        ModelCatalog catalog = new();
        catalog.Set(new ModelStatus(NoOpModel.Name, 1, ModelState.Ready, "", _model.Served, TimeSpan.Zero));
        ServerHealth health = new(catalog, new ServerOptions());
        health.Enter(ServerPhase.Serving);
        _toServer = new Pipe();
        _toClient = new Pipe();
        DefaultConnectionContext connection = new("benchmark", new Ends(_toServer.Reader, _toClient.Writer), new Ends(_toClient.Reader, _toServer.Writer));
        _serving = new FrameConnectionHandler(new FramesOptions(), catalog, _pool, health, NullLogger<FrameConnectionHandler>.Instance).OnConnectedAsync(connection);
        SendAsync(Hello(), answers: 1).GetAwaiter().GetResult();
        for (uint call = 1; call <= Operations; call++) AddCall(call);
    }

    [GlobalCleanup]
    public async Task CleanUpAsync()
    {
        await _toServer.Writer.CompleteAsync();
        await _serving;
        await _model.DisposeAsync();
        _pool.Dispose();
    }

    /// <summary>64 calls that arrive at once, to their answers.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public Task PipelinedAsync() => SendAsync(_calls.WrittenMemory, Operations);

    private async Task SendAsync(ReadOnlyMemory<byte> bytes, int answers)
    {
        await _toServer.Writer.WriteAsync(bytes);
        while (answers > 0)
        {
            ReadResult read = await _toClient.Reader.ReadAsync();
            ReadOnlySequence<byte> left = read.Buffer;
            while (TryTake(ref left)) answers--;
            _toClient.Reader.AdvanceTo(left.Start, left.End);
        }
    }

    private static bool TryTake(ref ReadOnlySequence<byte> bytes)
    {
        if (bytes.Length < Frame.LengthBytes) return false;
        Span<byte> prefix = stackalloc byte[Frame.LengthBytes];
        bytes.Slice(0, Frame.LengthBytes).CopyTo(prefix);
        long whole = Frame.LengthBytes + Frame.ReadLength(prefix);
        if (bytes.Length < whole) return false;
        bytes = bytes.Slice(whole);
        return true;
    }

    private static byte[] Hello()
    {
        byte[] body = new byte[64];
        MessagePackWriter writer = new(body);
        writer.WriteMapHeader(1);
        writer.WriteString("version"u8);
        writer.WriteInteger(Frame.Version);
        return Framed(new MessageHead(MessageKind.Hello, 0), body.AsSpan(0, writer.Position));
    }

    private void AddCall(uint number)
    {
        byte[] body = new byte[1024];
        MessagePackWriter writer = new(body);
        writer.WriteMapHeader(2);
        writer.WriteString("model_name"u8);
        writer.WriteString(NoOpModel.Name);
        writer.WriteString("inputs"u8);
        writer.WriteArrayHeader(1);
        writer.WriteMapHeader(4);
        writer.WriteString("name"u8);
        writer.WriteString("x"u8);
        writer.WriteString("datatype"u8);
        writer.WriteString("FP32"u8);
        writer.WriteString("shape"u8);
        writer.WriteArrayHeader(2);
        writer.WriteInteger(1);
        writer.WriteInteger(NoOpModel.InputElements);
        writer.WriteString("data"u8);
        writer.WriteBinary(new byte[NoOpModel.InputElements * sizeof(float)]);
        _calls.Write(Framed(new MessageHead(MessageKind.Infer, number), body.AsSpan(0, writer.Position)));
    }

    private static byte[] Framed(MessageHead head, ReadOnlySpan<byte> body)
    {
        byte[] frame = new byte[head.FrameBytes + body.Length];
        head.WriteFrame(frame, body.Length);
        body.CopyTo(frame.AsSpan(head.FrameBytes));
        return frame;
    }

    private sealed class Ends(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
