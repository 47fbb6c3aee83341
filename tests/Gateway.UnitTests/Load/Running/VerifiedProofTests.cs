using Gateway.Load.Carriers;
using Gateway.Load.Carriers.Http;
using Gateway.Load.Carriers.Null;
using Gateway.Load.Payloads;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.UnitTests.Load.Carriers;
using Gateway.UnitTests.Load.Engine;

namespace Gateway.UnitTests.Load.Running;

/// <summary>The client tried out on real sockets with what <c>--verify</c> costs it; nothing here is a measurement.</summary>
public class VerifiedProofTests
{
    private const int Distinct = 4;

    // A model's description that is an answer of it too.
    private const string Body = """{"name":"m","inputs":[{"name":"x","datatype":"FP32","shape":[1,2]}],"outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[0.5,1]}]}""";

    [Theory]
    [InlineData(true, Distinct)]
    [InlineData(false, 0)]
    public void Try_PlanThatVerifies_DecodesAsTheRunDoes(bool verifies, int decoded)
    {
        using NullServer server = new(() => new HttpResponder(System.Text.Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {Body.Length}\r\n\r\n{Body}")));
        CountingCarrier carrier = new();
        ScenarioPlan plan = VirtualLoad.Scenario(new LoadSimulation(SimulationKind.Inject, 10) { Rate = 50 }) with
        {
            Target = new TargetAddress("http", "127.0.0.1", server.EndPoint.Port, "/"),
            Carrier = carrier,
            Steps = [new StepPlan("m", "m", "", new PayloadRecipe { Distinct = Distinct })],
            Verify = verifies,
        };
        Preparation prepared = Preparation.Create(plan, TimeProvider.System);
        int before = carrier.Decoded;

        // Whatever it comes to: a machine that stands still for its second has answered nothing within it.
        ClientProof.Try(prepared, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.InRange(carrier.Decoded - before, decoded, verifies ? int.MaxValue : 0);

        // What the null server answered is no reference for the server's own answers.
        if (verifies) Assert.True(prepared.Verifier!.IsRight(0, new CallAnswer { Outcome = CallOutcome.Ok, Body = System.Text.Encoding.ASCII.GetBytes(Body.Replace("0.5", "0.7", StringComparison.Ordinal)) }, out _, out _));
    }

    private sealed class CountingCarrier() : WrappedCarrier(new HttpJsonCarrier())
    {
        private int _decoded;

        public int Decoded => Volatile.Read(ref _decoded);

        public override IReadOnlyList<TensorPayload> Decode(ReadOnlySpan<byte> body, int bodyHeaderBytes)
        {
            Interlocked.Increment(ref _decoded);
            return base.Decode(body, bodyHeaderBytes);
        }
    }
}
