using System.Text;
using Gateway.Core.Memory;
using Gateway.Core.Overflow.Reports;
using Gateway.Server.Overflow.Forwarding;

namespace Gateway.UnitTests.Overflow.Forwarding;

/// <summary>What counts as an answer of a replica, as a refusal, and as neither.</summary>
public sealed class JudgeTests
{
    private static readonly string Load = new LoadReport(ReplicaState.Serving, 1, 1, 1000, 1000, 0, 0, 0).ToHeader();

    [Theory]
    [InlineData(200, true, false, nameof(ForwardedKind.Answered))]
    [InlineData(400, true, false, nameof(ForwardedKind.Answered))]
    [InlineData(429, true, false, nameof(ForwardedKind.Answered))]
    [InlineData(500, true, false, nameof(ForwardedKind.Answered))]
    [InlineData(503, true, false, nameof(ForwardedKind.Refused))]
    [InlineData(404, true, false, nameof(ForwardedKind.Refused))]
    [InlineData(200, false, false, nameof(ForwardedKind.Failed))]
    [InlineData(302, false, false, nameof(ForwardedKind.Failed))]
    [InlineData(401, false, false, nameof(ForwardedKind.Refused))]
    [InlineData(503, false, false, nameof(ForwardedKind.Refused))]
    [InlineData(500, false, false, nameof(ForwardedKind.Failed))]
    [InlineData(502, false, false, nameof(ForwardedKind.Failed))]
    [InlineData(200, false, true, nameof(ForwardedKind.Answered))]
    [InlineData(400, false, true, nameof(ForwardedKind.Answered))]
    [InlineData(404, false, true, nameof(ForwardedKind.Refused))]
    [InlineData(503, false, true, nameof(ForwardedKind.Refused))]
    [InlineData(502, false, true, nameof(ForwardedKind.Failed))]
    public void Http_StatusAndReport(int status, bool hasLoad, bool isForeign, string kind)
    {
        using ForwardedAnswer answer = Http(status, hasLoad, "");

        ReplicaForwarder.Judge(answer, isGrpc: false, isForeign);

        Assert.Equal((kind, hasLoad), (answer.Kind.ToString(), answer.Load is not null));
        Assert.False(answer.Headers.ContainsKey("Gateway-Load"));
    }

    [Theory]
    [InlineData("""{"error":"the model has failed"}""", true, nameof(ForwardedKind.Answered))]
    [InlineData("""{"error":"the model has failed"}""", false, nameof(ForwardedKind.Failed))]
    [InlineData("""{"error":1}""", true, nameof(ForwardedKind.Failed))]
    [InlineData("""["error"]""", true, nameof(ForwardedKind.Failed))]
    [InlineData("""{"\ud800rror":"no Unicode"}""", true, nameof(ForwardedKind.Failed))]
    [InlineData("<html>error</html>", true, nameof(ForwardedKind.Failed))]
    [InlineData("", true, nameof(ForwardedKind.Failed))]
    public void Http_500InTheProtocolsWords_IsTheRequests(string body, bool isForeign, string kind)
    {
        using ForwardedAnswer answer = Http(500, hasLoad: false, body);

        ReplicaForwarder.Judge(answer, isGrpc: false, isForeign);

        Assert.Equal(kind, answer.Kind.ToString());
    }

    /// <summary>Something else listens where a server of the protocol should: its page is nobody's answer.</summary>
    [Theory]
    [InlineData(200, "application/json", true)]
    [InlineData(200, "application/json; charset=utf-8", true)]
    [InlineData(200, "application/octet-stream", true)]
    [InlineData(200, "text/event-stream", true)]
    [InlineData(200, "text/html", false)]
    [InlineData(200, "text/plain", false)]
    [InlineData(204, null, false)]
    [InlineData(302, null, false)]
    [InlineData(400, "text/html", true)]
    public void Http_ForeignResult_IsInAFormOfTheProtocol(int status, string? type, bool isAnswer)
    {
        using ForwardedAnswer answer = Http(status, hasLoad: false, "<html>It works!</html>");
        if (type is not null) answer.Headers.ContentType = type;

        ReplicaForwarder.Judge(answer, isGrpc: false, isForeign: true);

        Assert.Equal(isAnswer ? ForwardedKind.Answered : ForwardedKind.Failed, answer.Kind);
    }

    /// <summary>A question that is no inference is answered without a word of the load, and in whatever form.</summary>
    [Theory]
    [InlineData(200, nameof(ForwardedKind.Answered))]
    [InlineData(503, nameof(ForwardedKind.Refused))]
    [InlineData(500, nameof(ForwardedKind.Failed))]
    public void Http_NoInference_NeedsNoLoad(int status, string kind)
    {
        foreach (bool isForeign in (ReadOnlySpan<bool>)[false, true])
        {
            using ForwardedAnswer answer = Http(status, hasLoad: false, "ready");
            answer.Headers.ContentType = "text/plain";

            ReplicaForwarder.Judge(answer, isGrpc: false, isForeign, isInference: false);

            Assert.Equal(kind, answer.Kind.ToString());
        }
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("\0\0\0\0", false)]
    [InlineData("\0\0\0\0\0", true)]
    [InlineData("\0\0\0\0\u0003abc", true)]
    [InlineData("\u0001\0\0\0\u0003abc", true)]
    [InlineData("\0\0\0\0\u0004abc", false)]
    [InlineData("\0\0\0\0\u0002abc", false)]
    [InlineData("<html>", false)]
    public void Grpc_Result_IsOneWholeMessage(string body, bool isAnswer)
    {
        foreach (bool isForeign in (ReadOnlySpan<bool>)[false, true])
        {
            using ForwardedAnswer answer = Http(200, hasLoad: true, body);
            answer.Trailers["grpc-status"] = "0";

            ReplicaForwarder.Judge(answer, isGrpc: true, isForeign);

            Assert.Equal(isAnswer ? ForwardedKind.Answered : ForwardedKind.Failed, answer.Kind);
        }
    }

    [Theory]
    [InlineData("0", true, false, nameof(ForwardedKind.Answered))]
    [InlineData("3", true, false, nameof(ForwardedKind.Answered))]
    [InlineData("14", true, false, nameof(ForwardedKind.Refused))]
    [InlineData("5", true, false, nameof(ForwardedKind.Refused))]
    [InlineData("0", false, false, nameof(ForwardedKind.Failed))]
    [InlineData("16", false, false, nameof(ForwardedKind.Refused))]
    [InlineData("0", false, true, nameof(ForwardedKind.Answered))]
    [InlineData("x", true, false, nameof(ForwardedKind.Failed))]
    [InlineData(null, true, true, nameof(ForwardedKind.Failed))]
    public void Grpc_StatusAndReport(string? status, bool hasLoad, bool isForeign, string kind)
    {
        using ForwardedAnswer answer = Http(200, hasLoad: false, status == "0" ? "\0\0\0\0\0" : "");
        if (status is not null) answer.Trailers["grpc-status"] = status;
        if (hasLoad) answer.Trailers["gateway-load"] = Load;

        ReplicaForwarder.Judge(answer, isGrpc: true, isForeign);

        Assert.Equal(kind, answer.Kind.ToString());
    }

    [Theory]
    [InlineData("größe", false)]
    [InlineData("a\u0001b", false)]
    [InlineData("a\u007fb", false)]
    [InlineData("a\tb ~", true)]
    public void Any_HeaderThatCannotBePassedOn_IsAFailure(string value, bool isAnswer)
    {
        using ForwardedAnswer answer = Http(200, hasLoad: true, "");
        answer.Headers["X-Name"] = value;

        ReplicaForwarder.Judge(answer, isGrpc: false, isForeign: false);

        Assert.Equal(isAnswer ? ForwardedKind.Answered : ForwardedKind.Failed, answer.Kind);
    }

    private static ForwardedAnswer Http(int status, bool hasLoad, string body)
    {
        ForwardedAnswer answer = new(new BlockPool(1 << 20, lockPages: false)) { Status = status };
        if (hasLoad) answer.Headers["Gateway-Load"] = Load;
        answer.Body.Write(Encoding.UTF8.GetBytes(body));
        return answer;
    }
}
