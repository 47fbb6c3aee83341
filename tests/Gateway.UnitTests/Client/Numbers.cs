using Gateway.Client;

namespace Gateway.UnitTests.Client;

/// <summary>Calls that carry a number, which the model gives back.</summary>
internal static class Numbers
{
    public static InferenceRequest Request(long number, string model = "number") =>
        new InferenceRequest(model) { Timeout = TimeSpan.FromSeconds(20) }.AddInput("x", new[] { number }, 1, 1);

    /// <summary>Sends a number.</summary>
    /// <returns>What comes back.</returns>
    public static async Task<long> SendAsync(this InferenceClient client, long number, string model = "number", TimeSpan? timeout = null, string? id = null, CancellationToken? cancellation = null)
    {
        InferenceRequest request = Request(number, model);
        request.Id = id;
        if (timeout is not null) request.Timeout = timeout;
        using InferenceResponse response = await client.InferAsync(request, cancellation ?? TestContext.Current.CancellationToken);
        return response.Output("y").AsSpan<long>()[0];
    }
}
