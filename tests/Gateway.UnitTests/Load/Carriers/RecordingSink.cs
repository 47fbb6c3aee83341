using System.Text;
using Gateway.Load.Carriers;

namespace Gateway.UnitTests.Load.Carriers;

/// <summary>Keeps what a connection said became of its calls.</summary>
internal sealed class RecordingSink : ICallSink
{
    public List<(int Call, CallOutcome Outcome, int Status, string Body, string Reason, long RetryAfter)> Answers { get; } = [];

    public void OnAnswer(int call, in CallAnswer answer) =>
        Answers.Add((call, answer.Outcome, answer.Status, Encoding.UTF8.GetString(answer.Body), Encoding.UTF8.GetString(answer.Reason), answer.RetryAfterMilliseconds));
}
