using System.Text;
using Microsoft.AspNetCore.Http;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>What another server generates bit by bit, for a client of a gateway that has not got the model.</summary>
public sealed class GeneratedElsewhereTests : FleetTesting
{
    private const string First = "data: {\"text_output\":\"Hel\"}\n\n";
    private const string Second = "data: {\"text_output\":\"lo\"}\n\n";

    [Fact]
    public async Task Events_ComeAsTheyAreGenerated()
    {
        TaskCompletionSource hasFirst = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await WithServersAsync(
            async context =>
            {
                await SendAsync(context, First);
                await hasFirst.Task.WaitAsync(context.RequestAborted);
                await SendAsync(context, Second);
            },
            async (response, _) =>
            {
                using StreamReader reader = new(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
                char[] first = new char[First.Length];
                await reader.ReadBlockAsync(first, TestContext.Current.CancellationToken);
                Assert.Equal(First, new string(first));
                Assert.True(response.Headers.Contains("Gateway-Served-By"));
                Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
                hasFirst.SetResult();
                Assert.Equal(Second, await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
            });
    }

    [Fact]
    public async Task Client_Leaves_ItIsCancelledThere()
    {
        TaskCompletionSource isCancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await WithServersAsync(
            async context =>
            {
                context.RequestAborted.Register(isCancelled.SetResult);
                await SendAsync(context, First);
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
            },
            async (response, _) =>
            {
                Assert.Equal(First.Length, await (await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken)).ReadAtLeastAsync(new byte[First.Length], First.Length, cancellationToken: TestContext.Current.CancellationToken));
                response.Dispose();
                await isCancelled.Task.WaitAsync(TestContext.Current.CancellationToken);
            });
    }

    /// <summary>An end would look like one, and nobody else can go on with it.</summary>
    [Fact]
    public async Task Server_BreaksOff_SoDoesTheAnswer_AndNobodyElseIsAsked()
    {
        TaskCompletionSource hasFirst = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await WithServersAsync(
            async context =>
            {
                await SendAsync(context, First);
                await hasFirst.Task.WaitAsync(context.RequestAborted);
                context.Abort();
            },
            async (response, foreign) =>
            {
                // Its headers have come with its first piece.
                hasFirst.SetResult();
                await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
                Assert.Equal(1, foreign.Asked);
            });
    }

    [Fact]
    public async Task Server_NeverStops_IsCutOffAtTheLimitOfAnswers()
    {
        TaskCompletionSource isCancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await WithServersAsync(
            async context =>
            {
                context.RequestAborted.Register(isCancelled.SetResult);
                while (true) await SendAsync(context, First);
            },
            async (response, _) =>
            {
                await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
                await isCancelled.Task.WaitAsync(TestContext.Current.CancellationToken);
            });
    }

    private async Task WithServersAsync(RequestDelegate generates, Func<HttpResponseMessage, ForeignReplica, Task> test)
    {
        using TimedRepository another = new(name: "another");
        await using GatewayProcess other = await ServeAsync();
        await using ForeignReplica foreign = await ForeignReplica.StartAsync(other.HttpAddress);
        foreign.Generates = generates;
        await using GatewayProcess one = await GatewayProcess.ServeTimedAsync("--model-repository", another.Folder, "--http-max-input-size", "100000", "--overflow-replica", foreign.Address);
        await AwaitReportsAsync(one);
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(new Uri(one.HttpAddress), "/v2/models/timed/generate_stream")) { Content = new StringContent("""{"x":1}""", Encoding.UTF8, "application/json") };
        using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, one.Error);
        await test(response, foreign);
    }

    private static async Task SendAsync(HttpContext context, string piece)
    {
        context.Response.ContentType = "text/event-stream";
        await context.Response.WriteAsync(piece, context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }
}
