"""What phones are served: plain pages, pictures and the answers' endpoint, next to the app."""
