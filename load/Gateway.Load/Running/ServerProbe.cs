using System.Net;
using System.Text;
using Gateway.Load.Carriers;
using Gateway.Load.Payloads;
using Gateway.Load.Scenarios;
using Gateway.Load.Sockets;
using Gateway.Load.Verification;

namespace Gateway.Load.Running;

/// <summary>Asks a server what it serves and sends it one request, before any load.</summary>
internal sealed class ServerProbe : ICallSink
{
    // A model that is loaded with its first request may take its time.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(2);

    private readonly AnswerTest _check;
    private byte[]? _raw;
    private string? _problem;

    private ServerProbe(AnswerTest check) => _check = check;

    /// <summary>Reads a model's description, over the carrier's own way.</summary>
    /// <exception cref="LoadException">There is no server, or no such model.</exception>
    public static ModelDescription Describe(ScenarioPlan plan, IPEndPoint server, RequestTarget target, TimeProvider time)
    {
        string what = $"{plan.Target}: model '{target.Model}'";
        ModelDescription? model = null;
        ServerProbe probe = new(answer =>
        {
            if (answer.Outcome != CallOutcome.Ok) return Complaint(answer);
            model = plan.Carrier.ReadDescription(answer.Body);
            return null;
        });
        probe.Ask(plan, server, target, plan.Carrier.EncodeDescribe(target), what, time);
        return model!.Inputs.Count > 0 ? model : throw new LoadException(ExitCode.CannotStart, $"{what} has no inputs");
    }

    /// <summary>Sends one request and checks its answer.</summary>
    /// <param name="model">What its outputs are compared with; null for a plain target.</param>
    /// <returns>The answer, as received.</returns>
    public static byte[] FirstAnswer(ScenarioPlan plan, IPEndPoint server, RequestTarget target, EncodedRequest request, ModelDescription? model, TimeProvider time)
    {
        ServerProbe probe = new(answer => answer.Outcome != CallOutcome.Ok ? Complaint(answer)
            : model is null ? null
            : Check(plan.Carrier, model, answer));
        return probe.Ask(plan, server, target, request, $"{plan.Target}: the first request of '{plan.Name}'", time);
    }

    void ICallSink.OnAnswer(int call, in CallAnswer answer)
    {
        _raw = answer.Raw.ToArray();
        try
        {
            _problem = _check(answer);
        }
        catch (Exception exception) when (exception is FormatException or LoadException)
        {
            _problem = exception.Message;
        }
    }

    private static string? Check(ICarrier carrier, ModelDescription model, in CallAnswer answer) => AnswerCheck.Shapes(model, carrier.Decode(answer.Body, answer.BodyHeaderBytes));

    private static string Complaint(in CallAnswer answer)
    {
        string text = Encoding.UTF8.GetString(answer.Body[..Math.Min(answer.Body.Length, 500)]).Trim();
        return $"{(answer.Status > 0 ? $"{answer.Status} " : "")}{Encoding.UTF8.GetString(answer.Reason)} {text}".Trim();
    }

    private byte[] Ask(ScenarioPlan plan, IPEndPoint server, RequestTarget target, EncodedRequest request, string what, TimeProvider time)
    {
        // A deadline is for the load, not for a first request that finds everything cold.
        using SocketTransport transport = new(server, plan.Carrier, target, [request], connections: 1, window: 1, time, TlsClient.For(plan, isOwnServer: false));
        long begun = time.GetTimestamp();
        bool isSent = false;
        while (_raw is null)
        {
            if (!isSent) isSent = transport.TrySend(0, 0, (long)Patience.TotalMicroseconds);
            transport.Flush();
            transport.Wait(time.GetTimestamp() + (time.TimestampFrequency / 10), this);
            TimeSpan passed = time.GetElapsedTime(begun);
            if (transport.DownSince > 0 && passed > ConnectPatience) throw new LoadException(ExitCode.CannotStart, $"{plan.Target}: {transport.Trouble}");
            if (passed > Patience) throw new LoadException(ExitCode.CannotStart, $"{what} got no answer within {Patience.TotalSeconds:0} s");
        }

        return _problem is null ? _raw : throw new LoadException(ExitCode.CannotStart, $"{what}: {_problem}");
    }

    /// <returns>What is wrong; null when nothing is.</returns>
    private delegate string? AnswerTest(CallAnswer answer);
}
