// Sends the held-out handwritten digits to a gateway, many calls at once, and says how it did.
//
//     dotnet run -c Release --project config/samples/ClassifyDigits -- localhost:8003 --repeat 20
//
// Prints accuracy and throughput. Exits with 1 when a call failed or the accuracy is too low.
using System.CommandLine;
using Gateway.Client;
using Gateway.Protocol;

const int Pixels = 64;
const int RecordBytes = Pixels + 1; // 64 brightnesses of 0 to 16, row by row, then the digit

Argument<string> address = new("address") { DefaultValueFactory = _ => "localhost:8003", Description = "Where the gateway is: host:port, unix:/path or http://host:port" };
Option<string?> token = new("--token") { Description = "The access token, where the server asks for one" };
Option<int> repeat = new("--repeat") { DefaultValueFactory = _ => 1, Description = "Times to send the whole set" };
Option<int> window = new("--window") { DefaultValueFactory = _ => 256, Description = "Calls in flight" };
Option<double> minAccuracy = new("--min-accuracy") { DefaultValueFactory = _ => 0.98, Description = "Fail below this share" };
RootCommand command = new("Sends the held-out handwritten digits to a gateway and says how many it reads right.") { address, token, repeat, window, minAccuracy };
command.SetAction(async (options, stop) =>
{
    try
    {
        InferenceClientOptions settings = new() { Endpoints = { options.GetValue(address)! }, AccessToken = options.GetValue(token) };
        await using InferenceClient client = new(settings);
        double accuracy = await ClassifyAsync(client, options.GetValue(repeat), options.GetValue(window), stop);
        return accuracy >= options.GetValue(minAccuracy) ? 0 : 1;
    }
    catch (Exception error) when (error is InferenceException or InferenceConnectionException or TimeoutException or ArgumentException)
    {
        await Console.Error.WriteLineAsync($"error: {error.Message}");
        return 1;
    }
});
return await command.Parse(args).InvokeAsync();

static async Task<double> ClassifyAsync(InferenceClient client, int repeat, int window, CancellationToken stop)
{
    ArgumentOutOfRangeException.ThrowIfLessThan(repeat, 1);
    ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
    byte[] data = await File.ReadAllBytesAsync(Path.Combine(AppContext.BaseDirectory, "digits-heldout.bin"), stop);
    byte[][] records = [.. Enumerable.Repeat(data.Chunk(RecordBytes), repeat).SelectMany(chunks => chunks)];
    await client.PingAsync(stop); // connects, so that this is not measured

    // Each of these has one call under way, and the client sends those of all over one connection.
    long began = TimeProvider.System.GetTimestamp();
    int[] right = await Task.WhenAll(Enumerable.Range(0, window).Select(ClassifyEveryAsync));
    double seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;

    double accuracy = right.Sum() / (double)records.Length;
    Console.WriteLine($"{records.Length} digits in {seconds:F2} s, {records.Length / seconds:F0} a second; accuracy {accuracy:F4}; up to {window} calls in flight");
    return accuracy;

    // Classifies one record in as many as calls are in flight, and says how many were right.
    async Task<int> ClassifyEveryAsync(int first)
    {
        // The request borrows the image until the call ends; then both are free for the next one.
        float[] image = new float[Pixels];
        InferenceRequest request = new InferenceRequest("digits").AddInput("image", image, 1, 1, 8, 8).AddOutput("class");
        int right = 0;
        for (int i = first; i < records.Length; i += window)
        {
            for (int pixel = 0; pixel < Pixels; pixel++) image[pixel] = records[i][pixel];
            using InferenceResponse response = await client.InferAsync(request, stop);
            if (response.Output("class").AsSpan<long>()[0] == records[i][Pixels]) right++;
        }

        return right;
    }
}
