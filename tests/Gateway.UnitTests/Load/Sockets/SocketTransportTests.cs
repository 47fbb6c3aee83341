using System.Net;
using System.Net.Sockets;
using Gateway.Load.Carriers;
using Gateway.Load.Carriers.Frames;
using Gateway.Load.Carriers.Http;
using Gateway.Load.Carriers.Null;
using Gateway.Load.Payloads;
using Gateway.Load.Scenarios;
using Gateway.Load.Sockets;
using Gateway.Protocol.Tensors;
using Gateway.UnitTests.Load.Carriers;
using Gateway.UnitTests.Load.Engine;

namespace Gateway.UnitTests.Load.Sockets;

/// <summary>On real sockets; nothing here is a measurement.</summary>
public class SocketTransportTests
{
    private const int Calls = 16;
    private static readonly TimeProvider Time = TimeProvider.System;
    private static readonly RequestTarget Target = new("localhost:1", "m", "", "/", HasTimeout: false, [], null);

    // Longer than what may wait in a connection's buffer.
    private static readonly EncodedRequest Long = new FrameCarrier().Encode(new RequestPayload([new TensorPayload("x", DataType.Fp32, [1, 393_216], new byte[4 * 393_216])]), Target);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TrySend_LongRequestsToAServerThatReadsAndAnswersLate_AreAllUnderWayAtOnce(bool isTls)
    {
        using NullServer server = new(() => new LateResponder(), isTls ? TlsServer.Create(null) : null);
        using SocketTransport transport = Connect(server, isTls);
        RecordingSink sink = new();
        long begun = Time.GetTimestamp();
        int sent = 0;
        while (sent < Calls && Time.GetElapsedTime(begun) < TimeSpan.FromSeconds(20))
        {
            while (sent < Calls && transport.TrySend(sent, 0, 1)) sent++;
            transport.Flush();
            transport.Wait(Time.GetTimestamp() + Time.TimestampFrequency, sink);
        }

        Assert.Equal(Calls, sent);
        Assert.Empty(sink.Answers);
    }

    [Fact]
    public void TrySend_TlsWithMoreThanMayWait_HasNoRoomThoughNothingIsEncryptedYet()
    {
        using NullServer server = new(() => new LateResponder(), TlsServer.Create(null));
        using SocketTransport transport = Connect(server, isTls: true);
        long begun = Time.GetTimestamp();
        while (!transport.TrySend(0, 0, 1) && Time.GetElapsedTime(begun) < TimeSpan.FromSeconds(20)) transport.Wait(Time.GetTimestamp() + (Time.TimestampFrequency / 10), new RecordingSink());

        Assert.False(transport.TrySend(1, 0, 1));
    }

    [Fact]
    public void Wait_ServerThatHangsUpBeforeTheFirstBytes_IsNotCountedAsUp()
    {
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Socket? accepted = null;
        int opened = 0;
        PuppetCarrier carrier = new(() =>
        {
            // With a reset, which the client's first send finds.
            accepted = listener.Accept();
            if (opened++ == 0) accepted.Close(0);
        });
        using SocketTransport transport = new((IPEndPoint)listener.LocalEndPoint!, carrier, Target, [Long], connections: 1, window: 1, Time);

        Until(() => opened == 2 && transport.DownSince == 0);
        accepted!.Close(0);
        listener.Close();

        Until(() => transport.DownSince > 0);

        void Until(Func<bool> isReached)
        {
            long begun = Time.GetTimestamp();
            while (!isReached() && Time.GetElapsedTime(begun) < TimeSpan.FromSeconds(20)) transport.Wait(Time.GetTimestamp() + (Time.TimestampFrequency / 100), new RecordingSink());
            Assert.True(isReached(), transport.Trouble);
        }
    }

    [Fact]
    public async Task Wait_BodiesThatEndWithTheConnection_AreAnswers()
    {
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Task serving = Task.Run(() =>
        {
            for (int i = 0; i < 2; i++)
            {
                using Socket accepted = listener.Accept();
                accepted.Receive(new byte[1000]);
                accepted.Send("HTTP/1.1 200 OK\r\n\r\nhello"u8);
                accepted.Shutdown(SocketShutdown.Send);
            }
        }, TestContext.Current.CancellationToken);
        PlainHttpCarrier carrier = new();
        using SocketTransport transport = new((IPEndPoint)listener.LocalEndPoint!, carrier, Target, [carrier.Encode(new RequestPayload([]), Target)], connections: 1, window: 1, Time);
        RecordingSink sink = new();
        int sent = 0;
        long begun = Time.GetTimestamp();
        while (sink.Answers.Count < 2 && Time.GetElapsedTime(begun) < TimeSpan.FromSeconds(20))
        {
            if (sent == sink.Answers.Count && transport.TrySend(sent, 0, 1)) sent++;
            transport.Flush();
            transport.Wait(Time.GetTimestamp() + (Time.TimestampFrequency / 100), sink);
        }

        await serving;
        Assert.Equal([(0, CallOutcome.Ok, "hello"), (1, CallOutcome.Ok, "hello")], sink.Answers.Select(answer => (answer.Call, answer.Outcome, answer.Body)));
    }

    [Fact]
    public async Task DownSince_SomebodyWhoAcceptsForAServerThatIsGone_IsSinceTheFirstLoss()
    {
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        int accepted = 0;
        Task accepting = Task.Run(() =>
        {
            while (Interlocked.Increment(ref accepted) <= 6) listener.Accept().Close(0);
        }, TestContext.Current.CancellationToken);
        using SocketTransport transport = new((IPEndPoint)listener.LocalEndPoint!, new FrameCarrier(), Target, [Long], connections: 1, window: 1, Time);
        long first = transport.DownSince;
        HashSet<long> since = [];
        long begun = Time.GetTimestamp();
        while (Volatile.Read(ref accepted) <= 6 && Time.GetElapsedTime(begun) < TimeSpan.FromSeconds(20))
        {
            transport.Wait(Time.GetTimestamp() + (Time.TimestampFrequency / 100), new RecordingSink());
            since.Add(transport.DownSince);
        }

        await accepting;
        Assert.True(accepted > 6);
        Assert.Equal([first], since.Where(at => at > 0));
    }

    private static SocketTransport Connect(NullServer server, bool isTls)
    {
        ScenarioPlan plan = VirtualLoad.Scenario(new LoadSimulation(SimulationKind.Inject, 1)) with { Carrier = new FrameCarrier(), Target = new TargetAddress("frames", "localhost", server.EndPoint.Port, "/", isTls) };
        return new SocketTransport(server.EndPoint, plan.Carrier, Target, [Long], connections: 1, window: Calls, Time, TlsClient.For(plan, isOwnServer: true));
    }

    /// <summary>Reads all at once, and has not come to answering yet.</summary>
    private sealed class LateResponder : NullResponder
    {
        public override int Answer(ReadOnlySpan<byte> received, OutputBuffer output) => received.Length;
    }

    /// <summary>Its connections say when they are about to send their first bytes.</summary>
    private sealed class PuppetCarrier(Action onOpen) : WrappedCarrier(new FrameCarrier())
    {
        public override WireConnection CreateConnection(RequestTarget target, int window) => new PuppetConnection(onOpen);
    }

    private sealed class PuppetConnection(Action onOpen) : WireConnection
    {
        public override bool HasRoom => true;

        public override int InFlight => 0;

        public override void Open(OutputBuffer output)
        {
            onOpen();
            output.Append("hello"u8);
        }

        public override void Write(int call, EncodedRequest request, long timeoutMicroseconds, OutputBuffer output) => output.Append(request.Bytes);

        public override int Read(Span<byte> received, OutputBuffer output, ICallSink sink) => received.Length;

        public override void EndAll(in CallAnswer answer, ICallSink sink)
        {
        }

        public override bool TryAbandon(int call, OutputBuffer output) => false;
    }
}
