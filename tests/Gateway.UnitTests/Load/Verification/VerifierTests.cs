using System.Text;
using Gateway.Load.Carriers;
using Gateway.Load.Carriers.Http;
using Gateway.Load.Payloads;
using Gateway.Load.Verification;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Load.Verification;

public class VerifierTests
{
    private static readonly ModelDescription Model = new("m", [], [new TensorDescription("y", DataType.Fp32, [-1, 2]), new TensorDescription("n", DataType.Int64, [-1])]);

    [Fact]
    public void IsRight_WithinTolerance_IsTrueAndBeyondFalse()
    {
        Verifier verifier = Create();

        Assert.True(Is(verifier, Body("[0.5, 1]", "[7]"), out _));
        Assert.True(Is(verifier, Body("[0.5, 1]", "[7]"), out _));
        Assert.True(Is(verifier, Body("[0.50001, 1.00002]", "[7]"), out _));
        Assert.False(Is(verifier, Body("[0.51, 1]", "[7]"), out string complaint));
        Assert.Contains("'y', element 0: 0.51", complaint);
    }

    [Fact]
    public void IsRight_OtherWholeNumber_IsFalse()
    {
        Verifier verifier = Create();
        Assert.True(Is(verifier, Body("[0.5, 1]", "[7]"), out _));

        Assert.False(Is(verifier, Body("[0.5, 1]", "[8]"), out string complaint));
        Assert.Contains("'n' differs", complaint);
    }

    [Theory]
    [InlineData("{\"outputs\":[]}", "output 'y' is missing")]
    [InlineData("{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP64\",\"shape\":[1,2],\"data\":[1,2]}]}", "is FP64, not FP32")]
    [InlineData("{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1,2,3]}]}", "has the shape [1,3], not [-1,2]")]
    [InlineData("nonsense", "malformed")]
    public void IsRight_FirstAnswerThatTheModelDoesNotDescribe_IsFalse(string body, string problem)
    {
        Assert.False(Is(Create(), body, out string complaint));
        Assert.Contains(problem, complaint);
    }

    [Fact]
    public void IsRight_PlainTarget_ComparesBodies()
    {
        Verifier verifier = new(new PlainHttpCarrier(), [null], 1e-3);

        Assert.True(Is(verifier, "a", out _));
        Assert.True(Is(verifier, "a", out _));
        Assert.False(Is(verifier, "b", out _));
    }

    [Fact]
    public void IsRight_FirstAnswersAndThoseWithoutRoom_AreComparedWithNone()
    {
        // Room for one body, not for two.
        string body = Body("[0.5, 1]", "[7]");
        Verifier verifier = new(new HttpJsonCarrier(), [Model, Model], 1e-3, mostReferenceBytes: body.Length);

        Assert.Equal([false, true, false, false], new[] { 0, 0, 1, 1 }.Select(IsCompared));

        bool IsCompared(int payload)
        {
            Assert.True(verifier.IsRight(payload, new CallAnswer { Outcome = CallOutcome.Ok, Body = Encoding.UTF8.GetBytes(body) }, out _, out bool isCompared));
            return isCompared;
        }
    }

    private static Verifier Create() => new(new HttpJsonCarrier(), [Model], 1e-3);

    private static string Body(string y, string n) => $$"""{"outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":{{y}}},{"name":"n","datatype":"INT64","shape":[1],"data":{{n}}}]}""";

    private static bool Is(Verifier verifier, string body, out string complaint)
    {
        bool isRight = verifier.IsRight(0, new CallAnswer { Outcome = CallOutcome.Ok, Body = Encoding.UTF8.GetBytes(body) }, out CallAnswer answer, out _);
        complaint = Encoding.UTF8.GetString(answer.Body);
        return isRight;
    }
}
