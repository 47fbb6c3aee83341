using Gateway.Load.Arrivals;
using Gateway.Load.Carriers;
using Gateway.Load.Carriers.Frames;
using Gateway.Load.Carriers.Grpc;
using Gateway.Load.Carriers.Http;
using Gateway.Load.Carriers.Null;
using Gateway.Load.Engine;
using Gateway.Load.Payloads;
using Gateway.Load.Scenarios;
using Gateway.Load.Sockets;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Load.Sockets;

/// <summary>What the client allocates a call once it runs: nothing, but for what it publishes every second.</summary>
public class AllocationTests
{
    private const double MostBytesACall = 8;
    private static readonly RequestTarget Target = new("localhost:1", "m", "", "/", HasTimeout: true, [], null);
    private static readonly RequestPayload Payload = new([new TensorPayload("x", DataType.Fp32, [1, 64], new byte[256])]);

    [Fact]
    public void Run_HttpBinary_AllocatesNothingACall() =>
        Check(new HttpBinaryCarrier(), "HTTP/1.1 200 OK\r\nContent-Length: 40\r\nInference-Header-Content-Length: 20\r\n\r\n0123456789012345678901234567890123456789"u8.ToArray());

    [Fact]
    public void Run_Frames_AllocatesNothingACall()
    {
        FrameCarrier carrier = new();
        Check(carrier, carrier.Encode(Payload, Target).Bytes);
    }

    [Fact]
    public void Run_Grpc_AllocatesNothingACall()
    {
        GrpcCarrier carrier = new();
        Check(carrier, carrier.Encode(Payload, Target).Bytes);
    }

    private static void Check(ICarrier carrier, byte[] answer)
    {
        using NullServer server = new(() => carrier.CreateResponder(answer));

        // The first run has code compiled and buffers grown.
        Run(carrier, server, 0.3);
        (long bytes, long calls) = Run(carrier, server, 0.3);
        (long moreBytes, long moreCalls) = Run(carrier, server, 1.3);
        Assert.True(moreCalls > calls + 500);
        Assert.InRange((moreBytes - bytes) / (double)(moreCalls - calls), -MostBytesACall, MostBytesACall);
    }

    private static (long Bytes, long Calls) Run(ICarrier carrier, NullServer server, double seconds)
    {
        TimeProvider time = TimeProvider.System;
        using SocketTransport transport = new(server.EndPoint, carrier, Target, [carrier.Encode(Payload, Target)], connections: 4, window: 16, time);
        WorkerPlan plan = new() { Steps = [new StepChoice(0, 1, new PayloadPicker(1, 0, 1))], MostCalls = 100, IntervalSeconds = 100 };
        LoadWorker worker = new(plan, new ArrivalStream([new LoadSimulation(SimulationKind.KeepConstant, seconds) { Copies = 4 }], 1), transport, time, time.GetTimestamp());
        long before = GC.GetAllocatedBytesForCurrentThread();
        worker.Run();
        return (GC.GetAllocatedBytesForCurrentThread() - before, worker.Tally.Answered);
    }
}
