namespace Gateway.UnitTests.OpenInference;

/// <summary>Waits for what another thread, or the kernel, is about to do.</summary>
internal static class Eventually
{
    // Far more than anything here takes; only a failure waits so long.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task TrueAsync(Func<bool> condition, string what)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Patience, $"never came true: {what}");
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }
}
